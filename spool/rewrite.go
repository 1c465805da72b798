package spool

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/sluice-go/sluice/internal/fsx"
)

var errDamaged = errors.New("the system does not give back what was written")

// rewrite copies the file to another one, which the worker goes on with. Both are called after the same final name, so
// whoever finds both, after a crash, knows that they hold the same. If what is read is not what was written, the file is
// set aside, its messages are counted as damaged, and the worker has no file any more.
func (w *worker) rewrite() error {
	fsys, base := w.d.fs, filepath.Join(w.d.temp, w.name)
	path := base + againSuffix + tempSuffix
	if path == w.path {
		path = base + tempSuffix
	}
	f, err := fsys.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, w.d.o.Perm) // perhaps of an attempt that failed
	if err != nil {
		return err
	}
	sum, err := copySum(f, w.f, w.sumFrom, w.size)
	if err == nil && sum != w.sum {
		return errors.Join(w.giveUpFile(), f.Close(), fsys.Remove(path))
	}
	if err != nil {
		return errors.Join(err, f.Close(), fsys.Remove(path))
	}
	w.f.Close() // its fsync has failed, and all of it is in f now: an error has nothing to add
	old := w.path
	w.f, w.path, w.unsynced = f, path, false
	return ignoring(fs.ErrNotExist, fsys.Remove(old)) // what stays the next Open removes
}

// giveUpFile sets the file aside: the system does not give back what was written.
func (w *worker) giveUpFile() error {
	w.f.Close() // an error has nothing to add to the one that is told
	w.f = nil
	err := fmt.Errorf("%w: %d messages are set aside, in %s", errDamaged, w.messages, w.name+unsyncedSuffix)
	w.d.lose(w, err)
	return errors.Join(err, w.d.setAside(w.path, w.name+unsyncedSuffix))
}

// copySum copies the first size bytes and returns the CRC-32C of those from sumFrom on.
func copySum(to io.Writer, from fsx.File, sumFrom, size int64) (uint32, error) {
	if _, err := io.Copy(to, io.NewSectionReader(from, 0, sumFrom)); err != nil {
		return 0, err
	}
	h := crc32.New(castagnoli)
	_, err := io.Copy(to, io.TeeReader(io.NewSectionReader(from, sumFrom, size-sumFrom), h))
	return h.Sum32(), err
}
