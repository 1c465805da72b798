package diskq

import (
	"errors"
	"fmt"
	"io"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/internal/fsx"
)

// rewrite writes what the segments hold from that offset on once more, as it is, and syncs it. For after an fsync that failed
// the system takes for written what may not be on the disk: it can be read until the power goes, and no later fsync
// brings it there. Nobody appends meanwhile.
func (w *writer) rewrite(from sluice.Offset) error {
	w.writing.Lock()
	defer w.writing.Unlock()
	w.syncing.Lock()
	defer w.syncing.Unlock()
	if err := w.failure(); err != nil {
		return err
	}
	for _, g := range w.all() {
		if sluice.Offset(g.next.Load()) < from {
			continue
		}
		if err := rewriteFile(w.fs, g.name); err != nil {
			return w.failed(fmt.Errorf("write segment %s again: %w", g.name, err))
		}
	}
	return w.syncNames()
}

func rewriteFile(fsys fsx.FS, name string) error {
	f, err := fsys.OpenFile(name, openReadWrite, 0)
	if err != nil {
		return err
	}
	buf := make([]byte, blockSize)
	for pos := int64(0); ; {
		n, err := f.ReadAt(buf, pos)
		if n > 0 {
			if _, err := f.WriteAt(buf[:n], pos); err != nil {
				return errors.Join(err, f.Close())
			}
			pos += int64(n)
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return errors.Join(err, f.Close())
		}
	}
	return errors.Join(f.Sync(), f.Close())
}
