package diskq

import (
	"errors"
	"io"
	"io/fs"
	"os"

	"github.com/sluice-go/sluice/internal/fsx"
)

// A tailState is what Open found of a TAIL.
type tailState int

const (
	noTail    tailState = iota // none, or not all of it
	wholeTail                  // all that it should hold is in the segments now
	gapTail                    // it says that something is missing
	laterTail                  // it says that a segment is missing, if it is of the last session: then the last sync point tells of it
)

// restore finishes what a process that was killed had begun: it writes to last, the last segment, what lies in the TAIL and not
// yet in there. (What is behind a segment's last frame does not count once there is another one, and it may be sealed.) A half for
// a later segment says that this is not the last: a file was taken away since, as a process that is killed leaves all it made.
//
// What it writes is frames of that segment, behind what is in its file, at the places that they were made for. So it does no
// harm to do it again, also after the system was started anew, and the end of the queue is looked through as ever.
func (w *writer) restore(last *segment) (state tailState, err error) {
	data, err := readTailFile(w.fs, w.dir)
	if err != nil || data == nil {
		return noTail, err
	}
	state = wholeTail
	size := halfSizeOf(data)
	if len(data) < 2*size {
		state = noTail
		data = append(data, make([]byte, 2*size-len(data))...)
	}
	missing, later := false, false
	for data = data[:2*size]; len(data) > 0; data = data[size:] {
		h, ok, err := parseHalf(data)
		switch {
		case err != nil:
			return noTail, err
		case !ok && !unused(data):
			state = noTail
		case ok && h.first > last.first && h.boot == w.boot && w.boot != 0:
			later = true
		case ok && h.first == last.first:
			gap, err := w.restoreHalf(h, last, data[halfHeader:size])
			if err != nil && (h.boot == w.boot || w.boot == 0) {
				return noTail, err // else nobody promised it: after a loss of power there may be no room for it
			}
			missing = missing || gap
		}
	}
	switch {
	case missing:
		return gapTail, nil
	case later:
		return laterTail, nil
	}
	return state, nil
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

// restoreHalf writes to g what is in a half, and not yet there. It reports whether something between the end of the file and
// the half is missing.
func (w *writer) restoreHalf(h half, g *segment, data []byte) (gap bool, err error) {
	f, err := w.fs.OpenFile(g.name, openReadWrite, 0)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	head, err := readHeader(f)
	if errors.Is(err, errHeader) || err == nil && head.id != h.id {
		return false, nil // nothing is left of it, or it is another one of that name
	}
	if err != nil {
		return false, err
	}
	size, err := f.Size()
	if err != nil {
		return false, err
	}
	if size < h.base {
		return true, nil
	}
	if from, end := size-h.base, h.framesEnd(data); from < end {
		n, err := f.WriteAt(data[from:end], size)
		g.size.Store(size + int64(n))
		return false, err
	}
	return false, nil
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
