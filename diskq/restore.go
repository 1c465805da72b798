package diskq

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"

	"github.com/sluice-go/sluice/internal/fsx"
)

// restore finishes what a process that was killed had begun: it writes to the segments what lies in the TAIL and not yet
// in them. It reports whether the TAIL is there, whole.
//
// What it writes is frames of that segment, behind what is in its file, at the places that they were made for. So it does no
// harm to do it again, also after the system was started anew, and the end of the queue is looked through as ever. If the
// file goes as far as the half there is nothing to write: the block had been written, or the queue closed. If it does not reach
// its beginning the power was cut, and there is nothing to go on from.
func (w *writer) restore() (whole bool, err error) {
	data, err := readTailFile(w.fs, w.dir)
	if err != nil || data == nil {
		return false, err
	}
	whole = len(data) == tailSize
	data = append(data, make([]byte, tailSize-len(data))...)
	for at := 0; at < tailSize; at += halfSize {
		h, ok, err := parseHalf(data[at:])
		if err != nil {
			return false, err
		}
		if !ok {
			never := bytes.Equal(data[at:at+halfUsed], make([]byte, halfUsed)) // used
			whole = whole && never
			continue
		}
		err = w.restoreHalf(h, data[at+halfHeader:at+halfSize])
		if err != nil && (h.boot == w.boot || w.boot == 0) {
			return false, err // else nobody promised it: after a loss of power there may be no room for it
		}
	}
	return whole, nil
}

// readTailFile returns what the TAIL holds, nil if there is none.
func readTailFile(fsys fsx.FS, dir string) ([]byte, error) {
	f, err := fsys.OpenFile(join(dir, tailName), os.O_RDONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	data := make([]byte, tailSize)
	n, err := f.ReadAt(data, 0)
	if err == io.EOF {
		err = nil
	}
	return data[:n], errors.Join(err, f.Close())
}

// restoreHalf writes what is in one half and not yet in its segment.
func (w *writer) restoreHalf(h half, data []byte) error {
	f, err := w.fs.OpenFile(join(w.dir, segmentName(h.first)), openReadWrite, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // dropped
	}
	if err != nil {
		return err
	}
	return errors.Join(h.writeTo(f, data), f.Close())
}

func (h half) writeTo(f fsx.File, data []byte) error {
	head, err := readHeader(f)
	if errors.Is(err, errHeader) || err == nil && head.id != h.id {
		return nil // nothing is left of it, or it is another one of that name
	}
	if err != nil {
		return err
	}
	size, err := f.Size()
	if err != nil || size < h.base {
		return err
	}
	if from, end := size-h.base, h.framesEnd(data); from < end {
		_, err = f.WriteAt(data[from:end], size)
	}
	return err
}

// framesEnd returns where the last frame ends that is whole. What is damaged before it is written too, so that it is found.
func (h half) framesEnd(data []byte) (end int64) {
	least, from := h.index, int64(0) // the index of the frame that begins at from, if nothing is damaged
	for at := int64(0); at+frameHeader <= int64(len(data)); {
		if possible(data[at:], least, at-from) {
			if f, size, ok := parseFrame(data[at:], h.id, h.base+at); ok {
				at += int64(size)
				end, from, least = at, at, f.index
				continue
			}
		}
		at++
	}
	return end
}
