package logs

import (
	"io"
	"path/filepath"
	"sync"

	"github.com/cockroachdb/pebble/record"
	"github.com/cockroachdb/pebble/vfs"
)

// pebbleLog is the part of Pebble that writes records into a write-ahead log, taken out of Pebble: 32 KiB buffers and a
// goroutine that writes them, into a file with room taken ahead, as Pebble's are. It is for one goroutine at a time, so its
// callers hold a lock, as those in Pebble do. Nothing bounds what it has not written yet; here it keeps up.
type pebbleLog struct {
	mu   sync.Mutex
	w    *record.LogWriter
	file vfs.File
	sem  chan struct{}
	sync bool
}

const pebbleNumber = 1

func openPebble(sync bool) func(dir string) (Log, error) {
	return func(dir string) (Log, error) {
		f, err := vfs.Default.Create(filepath.Join(dir, "log"))
		if err != nil {
			return nil, err
		}
		f = vfs.NewSyncingFile(f, vfs.SyncingFileOptions{PreallocateSize: 64 << 20})
		sem := make(chan struct{}, record.SyncConcurrency)
		w := record.NewLogWriter(f, pebbleNumber, record.LogWriterConfig{QueueSemChan: sem, WALFsyncLatency: noHistogram{}})
		return &pebbleLog{w: w, file: f, sem: sem, sync: sync}, nil
	}
}

func (l *pebbleLog) Append(p []byte) error {
	if !l.sync {
		l.mu.Lock()
		defer l.mu.Unlock()
		_, err := l.w.WriteRecord(p)
		return err
	}
	var wg sync.WaitGroup
	var synced error
	wg.Add(1)
	l.sem <- struct{}{}
	l.mu.Lock()
	_, err := l.w.SyncRecord(p, &wg, &synced)
	l.mu.Unlock()
	if err != nil {
		return err
	}
	wg.Wait()
	return synced
}

func (l *pebbleLog) Close() error { return l.w.Close() }

func readPebble(dir string, f func(p []byte) error) error {
	file, err := vfs.Default.Open(filepath.Join(dir, "log"), vfs.SequentialReadsOption)
	if err != nil {
		return err
	}
	defer file.Close()
	r := record.NewReader(file, pebbleNumber)
	var buf []byte
	for {
		one, err := r.Next()
		if err == io.EOF || record.IsInvalidRecord(err) {
			return nil
		}
		if err != nil {
			return err
		}
		if buf, err = appendFrom(buf[:0], one); err != nil {
			return err
		}
		if err := f(buf); err != nil {
			return err
		}
	}
}

// appendFrom appends what r has.
func appendFrom(buf []byte, r io.Reader) ([]byte, error) {
	for {
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
		n, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if err == io.EOF {
			return buf, nil
		}
		if err != nil {
			return buf, err
		}
	}
}
