package spools

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/sluice-go/sluice/spool"
)

// DirRival is a way to write messages into files of a directory, each of which is on stable storage when it is finished, and
// has a final name only then.
type DirRival struct {
	Name string
	New  func(dir string, fileBytes int64) (DirLog, error)
}

// DirLog is a DirRival, set up.
type DirLog interface {
	Write(p []byte) (int, error)
	Close() error
}

// Names of those rivals.
const (
	OneFile  = "os.File+mutex"
	SpoolDir = "spool.Dir"
)

// DirRivals returns both.
func DirRivals() []DirRival {
	return []DirRival{
		{OneFile, func(dir string, fileBytes int64) (DirLog, error) { return &oneFile{dir: dir, max: fileBytes}, nil }},
		{SpoolDir, func(dir string, fileBytes int64) (DirLog, error) {
			return spool.Open(dir, spool.DirOptions{MaxFileBytes: fileBytes, Timeout: time.Minute, CloseWithin: -1})
		}},
	}
}

// oneFile is what one writes first: a file, a mutex, and a new file when it is large enough.
type oneFile struct {
	dir string
	max int64

	mu    sync.Mutex
	f     *os.File
	size  int64
	count int
}

func (o *oneFile) Write(p []byte) (n int, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.f != nil && o.size+int64(len(p)) > o.max {
		if err := o.finish(); err != nil {
			return 0, err
		}
	}
	if o.f == nil {
		o.count++
		o.size = 0
		if o.f, err = os.Create(filepath.Join(o.dir, fmt.Sprintf("%06d.tmp", o.count))); err != nil {
			return 0, err
		}
	}
	n, err = o.f.Write(p)
	o.size += int64(n)
	return n, err
}

// finish syncs the file and gives it its name, which it syncs too.
func (o *oneFile) finish() error {
	name := o.f.Name()
	if err := o.f.Sync(); err != nil {
		return err
	}
	if err := o.f.Close(); err != nil {
		return err
	}
	o.f = nil
	if err := os.Rename(name, name[:len(name)-len(".tmp")]+".log"); err != nil {
		return err
	}
	d, err := os.Open(o.dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

func (o *oneFile) Close() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.f == nil {
		return nil
	}
	return o.finish()
}

// TimeDir returns the time in which that many goroutines together write n messages into finished files.
func TimeDir(r DirRival, n, size, goroutines int, fileBytes int64) (run Run, err error) {
	dir, err := os.MkdirTemp("", "spools")
	if err != nil {
		return run, err
	}
	defer os.RemoveAll(dir)
	w, err := r.New(dir, fileBytes)
	if err != nil {
		return run, err
	}
	msg := newLine(size)
	start := time.Now()
	err = inParallel(n, goroutines, func(messages int) error {
		for range messages {
			if _, err := w.Write(msg); err != nil {
				return err
			}
		}
		return nil
	})
	if cerr := w.Close(); err == nil {
		err = cerr
	}
	run.Time = time.Since(start)
	if err != nil {
		return run, err
	}
	names, err := filepath.Glob(filepath.Join(dir, "*.log"))
	if err != nil {
		return run, err
	}
	var got int64
	for _, name := range names {
		info, err := os.Stat(name)
		if err != nil {
			return run, err
		}
		got += info.Size()
	}
	return run.arrived(Rival{}, got, int64(n)*int64(size))
}
