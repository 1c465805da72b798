package diskq

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"sync"
	"sync/atomic"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/internal/fsx"
)

// A bookmark is the saved position of a consumer: a file of two slots, each with a checksum. The newer one that is whole counts.
//
//   - The slot that was synced last is never written to until the other one is: so whatever a crash tears, one is whole.
//   - Without a sync the same slot is written again and again: the end of the process leaves what was written last, a loss of power
//     what was synced last.
//   - After a sync that failed nothing is known of the file, and a new one takes its place.
//
// docs/diskq-format.md has the bytes.
type bookmark struct {
	name string
	path string
	fs   fsx.FS
	dir  string

	// position and marks are what was saved last, see outstanding.marks; guarded by mu. next is for the caller of save, who
	// puts the marks there.
	mu       sync.Mutex
	position sluice.Offset
	marks    []byte
	next     []byte
	seq      uint64
	target   int  // the slot to be written
	unsynced bool // it was
	broken   bool // nothing is known of the file
	file     fsx.File
	buf      []byte

	synced atomic.Int64 // the position that is on stable storage

	holder    holder // the consumer, if it is open; guarded by bookmarks.mu
	movedBack int64  // by how much Open moved it back; constant
	damaged   bool   // neither slot was whole; constant
}

const (
	slotHeader  = 64
	slotSize    = 20 << 10 // room for slotHeader and maxAhead marks, in whole pages
	slotVersion = 1
)

var slotMagic = [8]byte{'s', 'l', 'u', 'i', 'c', 'e', 'p', 's'}

var errSlot = errors.New("the slot is damaged")

// A slot is what is in one.
type slot struct {
	seq      uint64
	position sluice.Offset
	marks    []byte
}

func (s slot) append(dst []byte) []byte {
	le := binary.LittleEndian
	from := len(dst)
	dst = append(dst, slotMagic[:]...)
	dst = le.AppendUint32(dst, slotVersion)
	dst = le.AppendUint32(dst, uint32(len(s.marks)))
	dst = le.AppendUint64(dst, s.seq)
	dst = le.AppendUint64(dst, uint64(s.position))
	dst = append(dst, make([]byte, slotHeader-(len(dst)-from))...)
	dst = append(dst, s.marks...)
	le.PutUint32(dst[from+slotHeader-4:], crc32.Checksum(dst[from:], castagnoli)) // the checksum is 0 in what it covers
	return dst
}

// parseSlot returns errSlot for anything but a whole slot, and errVersion for one of another version. marks are part of b,
// of which the checksum is cleared.
func parseSlot(b []byte) (s slot, err error) {
	le := binary.LittleEndian
	if len(b) < slotHeader || !bytes.Equal(b[:8], slotMagic[:]) {
		return s, errSlot
	}
	n := le.Uint32(b[12:])
	if n > maxAhead || int(n) > len(b)-slotHeader {
		return s, errSlot
	}
	sum := le.Uint32(b[slotHeader-4:])
	le.PutUint32(b[slotHeader-4:], 0)
	if crc32.Checksum(b[:slotHeader+n], castagnoli) != sum {
		return s, errSlot
	}
	if v := le.Uint32(b[8:]); v != slotVersion {
		return s, fmt.Errorf("%w %d: this program knows version %d", errVersion, v, slotVersion)
	}
	s = slot{seq: le.Uint64(b[16:]), position: sluice.Offset(le.Uint64(b[24:])), marks: b[slotHeader : slotHeader+n]}
	if s.position < 0 {
		return s, errSlot
	}
	return s, nil
}

// load reads the newer whole slot; if there is none, the consumer begins again at 0, where nothing is passed over. Only of the
// older one is it certain that it was synced.
func (b *bookmark) load() error {
	data, err := fsx.ReadFile(b.fs, b.path)
	if err != nil {
		return err
	}
	b.damaged = true
	for i := range 2 {
		from := min(i*slotSize, len(data))
		s, err := parseSlot(data[from:min(from+slotSize, len(data))])
		switch {
		case errors.Is(err, errVersion):
			return fmt.Errorf("position file %s: %w", b.path, err)
		case err != nil:
			continue
		case b.damaged:
			b.take(s, i)
			b.synced.Store(int64(s.position))
		case s.seq > b.seq:
			b.take(s, i)
		default:
			b.synced.Store(int64(s.position))
		}
		b.damaged = false
	}
	return nil
}

// take takes up what the i-th slot says.
func (b *bookmark) take(s slot, i int) {
	b.seq, b.position, b.marks, b.target = s.seq, s.position, s.marks, 1-i
}

// save writes position and next, unless that is what the file says, and syncs it if wanted. The caller holds mu.
func (b *bookmark) save(position sluice.Offset, sync bool) error {
	changed := position != b.position || !bytes.Equal(b.next, b.marks)
	if changed || b.broken {
		b.position = position
		b.marks = append(b.marks[:0], b.next...)
		if err := b.write(); err != nil {
			return fmt.Errorf("diskq: save the position of consumer %q: %w", b.name, err)
		}
	}
	if !sync || !b.unsynced {
		return nil
	}
	if err := b.file.Sync(); err != nil {
		b.broken = true
		return fmt.Errorf("diskq: save the position of consumer %q: %w", b.name, err)
	}
	b.target, b.unsynced = 1-b.target, false
	b.synced.Store(int64(b.position))
	return nil
}

// write writes what there is to the file.
func (b *bookmark) write() error {
	if b.broken || b.file == nil {
		return b.create()
	}
	b.seq++
	b.buf = slot{b.seq, b.position, b.marks}.append(b.buf[:0])
	b.unsynced = true
	_, err := b.file.WriteAt(b.buf, int64(b.target)*slotSize)
	if err != nil {
		b.broken = true
	}
	return err
}

// create makes the file, in the place of one that there may be, so that it is there whole or not at all. It takes the room of both
// slots at once: to save needs none later.
func (b *bookmark) create() error {
	b.broken = true
	if b.file != nil {
		b.file.Close() // nothing is expected of it any more
		b.file = nil
	}
	b.seq++
	data := slot{b.seq, b.position, b.marks}.append(nil)
	f, err := replaceFile(b.fs, b.dir, b.path, append(data, make([]byte, 2*slotSize-len(data))...))
	if err != nil {
		return err
	}
	b.file, b.broken, b.unsynced, b.target = f, false, false, 1
	b.synced.Store(int64(b.position))
	return nil
}

// moveBack takes back what lies at next or behind it: values that a crash took, whose offsets are given again. Nothing was appended
// there yet.
func (b *bookmark) moveBack(next sluice.Offset) error {
	keep := int64(max(0, next-b.position))
	switch {
	case b.position > next:
		b.movedBack = int64(b.position - next)
	case int64(len(b.marks)) <= keep:
		return nil
	}
	b.position = min(b.position, next)
	b.marks = b.marks[:min(int64(len(b.marks)), keep)]
	if err := b.create(); err != nil {
		return fmt.Errorf("move the position of consumer %q back to %d: %w", b.name, next, err)
	}
	return b.close()
}

// open opens the file to be saved to.
func (b *bookmark) open() error {
	if b.damaged {
		return b.create()
	}
	f, err := b.fs.OpenFile(b.path, openReadWrite, 0)
	if err != nil {
		return err
	}
	// What was found may be in the system's cache only. It is never written to before the other slot is synced.
	if err := f.Sync(); err != nil {
		return errors.Join(err, f.Close())
	}
	b.file = f
	b.synced.Store(int64(b.position))
	return nil
}

func (b *bookmark) close() error {
	if b.file == nil {
		return nil
	}
	err := b.file.Close()
	b.file = nil
	return err
}
