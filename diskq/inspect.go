package diskq

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/internal/fsx"
)

// Report is what [Inspect] found in a directory.
type Report struct {
	Segments []SegmentReport
	First    sluice.Offset // of the oldest value
	Next     sluice.Offset // behind the newest
	Epoch    uint64        // see DiskQueue.Epoch; 0: it can't be read
	Records  int64         // that can be read back
	Damage   []Damage      // values that can't, and files that are missing, in order
	Torn     int64         // bytes at the end that are no whole record: what a crash left, or what is being written now
}

// SegmentReport is one file.
type SegmentReport struct {
	Name        string
	Bytes       int64
	First, Next sluice.Offset
	Records     int64     // that can be read back
	Sealed      bool      // it has a footer
	Created     time.Time // zero if its header is damaged
	Codec       string
}

// Damage is a gap that readers are told of, or, with From = To, damage that costs no value.
type Damage struct {
	From, To sluice.Offset
	Err      error // says where, and what is wrong
}

// Inspect reads all segments of a queue, and changes nothing. It needs no lock: of a queue that is open, the end may be
// found torn. It does not look at what a process that was killed had not written to a segment yet: Open does that.
func Inspect(dir string) (Report, error) { return inspect(fsx.OS{}, dir) }

func inspect(fsys fsx.FS, dir string) (Report, error) {
	if dir == "" {
		return Report{}, errNoName
	}
	list, err := readDir(fsys, dir)
	if err != nil {
		return Report{}, fmt.Errorf("diskq: inspect: %w", err)
	}
	if len(list) == 0 {
		return Report{}, fmt.Errorf("diskq: inspect %s: %w", dir, errNoQueue)
	}
	s := &segments{fs: fsys, dir: dir, files: files{fs: fsys, limit: 1}}
	defer s.files.close()
	r := Report{First: list[0].first, Next: list[0].first}
	for _, g := range list {
		v, err := s.walk(g)
		if errors.Is(err, fs.ErrNotExist) {
			continue // dropped since
		}
		if err != nil {
			return r, fmt.Errorf("diskq: inspect: %w", err)
		}
		r.add(v)
	}
	return r, nil
}

// add takes up what was found in the next segment.
func (r *Report) add(v *survey) {
	if n := len(r.Segments); n > 0 && v.g.first > r.Next {
		why := fmt.Errorf("before segment %s: %w", v.g.name, errMissing)
		if r.Segments[n-1].Sealed {
			why = missingSegment(filepath.Dir(v.g.name), r.Next, v.g.first)
		}
		r.Damage = append(r.Damage, Damage{r.Next, v.g.first, why})
	}
	last := v.g.next.Load() == openEnd
	for _, h := range v.holes {
		switch {
		case !h.final:
			r.Damage = append(r.Damage, Damage{h.from, h.to, h.err})
		case last && h.from < v.synced:
			r.Damage = append(r.Damage, Damage{h.from, v.synced, h.err})
			v.end = v.synced
		case last:
			r.Torn += v.g.size.Load() - h.pos
		case int64(h.from) < v.g.next.Load():
			r.Damage = append(r.Damage, Damage{h.from, sluice.Offset(v.g.next.Load()), h.err})
			v.end = sluice.Offset(v.g.next.Load())
		}
	}
	r.Next = v.end
	switch {
	case v.points > 0:
		r.Epoch = v.last.epoch
	case v.head.epoch != 0:
		r.Epoch = v.head.epoch
	}
	r.Records += v.records
	r.Segments = append(r.Segments, SegmentReport{
		Name: v.g.name, Bytes: v.g.size.Load(), First: v.g.first, Next: v.end, Records: v.records,
		Sealed: v.sealed, Created: v.created, Codec: v.head.codec,
	})
}

// Destroy removes the files of a queue, and the directory if nothing else is in it. It fails with a *[LockedError] if
// the queue is open.
func Destroy(dir string) error { return destroy(fsx.OS{}, dir) }

func destroy(fsys fsx.FS, dir string) error {
	entries, err := fsys.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("diskq: destroy: %w", err)
	}
	lock, err := fsys.Lock(join(dir, lockName))
	if locked := (*fsx.LockedError)(nil); errors.As(err, &locked) {
		return &LockedError{Dir: dir, PID: locked.PID}
	}
	if err != nil {
		return fmt.Errorf("diskq: destroy: %w", err)
	}
	var errs []error
	for _, e := range slices.Backward(entries) { // the newest first: what a crash leaves is a shorter queue
		if _, ok := segmentFirst(e.Name()); ok || e.Name() == temporary || e.Name() == tailName || isBookmark(e.Name()) || isImport(e.Name()) {
			errs = append(errs, fsys.Remove(join(dir, e.Name())))
		}
	}
	// The lock's file goes while we hold it: once we let go it may be somebody else's. Where open files can't be removed
	// (Windows) neither can theirs.
	name := join(dir, lockName)
	gone := fsys.Remove(name)
	errs = append(errs, lock.Close())
	if gone != nil {
		errs = append(errs, fsys.Remove(name))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("diskq: destroy: %w", err)
	}
	if err := fsys.Remove(dir); err != nil && !notEmpty(err) {
		return fmt.Errorf("diskq: destroy: %w", err)
	}
	return nil
}

// notEmpty reports whether a directory could not be removed because something is in it.
func notEmpty(err error) bool {
	return errors.Is(err, syscall.ENOTEMPTY) || errors.Is(err, fs.ErrExist) || strings.Contains(err.Error(), "not empty")
}
