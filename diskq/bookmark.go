package diskq

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"sync"
	"sync/atomic"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/internal/fsx"
)

// A bookmark is the saved position of a consumer: a file of three slots, each with a checksum. The newest one that is whole counts.
//
//   - The slot that was synced last is not written to until another one is synced: a loss of power leaves at least that one whole.
//   - Nor is the slot that was written last, until another one is: the end of the process in the middle of a write, which the
//     system then may leave half done, leaves at least that one whole.
//   - After a sync that failed nothing is known of the file, and a new one takes its place.
//
// A file of version 1, which has two slots, is read, and replaced before anything is saved to it: a program of before would not
// look at the third slot.
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
	newest   int  // the slot that was written last
	safe     int  // the one that was synced last
	unsynced bool // they differ
	broken   bool // nothing is known of the file
	outdated bool // it is of another version
	file     fsx.File
	buf      []byte

	synced atomic.Int64 // the position that is on stable storage

	holder    holder // the consumer, if it is open; guarded by bookmarks.mu
	movedBack int64  // by how much Open moved it back; constant
	damaged   bool   // no slot was whole; constant
}

const (
	slots       = 3
	slotHeader  = 64
	slotSize    = 20 << 10 // room for slotHeader and maxAhead marks, in whole pages
	slotVersion = 2
)

var slotMagic = [8]byte{'s', 'l', 'u', 'i', 'c', 'e', 'p', 's'}

var errSlot = errors.New("the slot is damaged")

// A slot is what is in one.
type slot struct {
	seq      uint64
	position sluice.Offset
	marks    []byte
	version  uint32 // as read; what is written is of slotVersion
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
	v := le.Uint32(b[8:])
	if v == 0 || v > slotVersion {
		return s, fmt.Errorf("%w %d: this program knows versions up to %d", errVersion, v, slotVersion)
	}
	s = slot{le.Uint64(b[16:]), sluice.Offset(le.Uint64(b[24:])), b[slotHeader : slotHeader+n], v}
	if s.position < 0 {
		return s, errSlot
	}
	return s, nil
}

// load reads the newest whole slot; if there is none, the consumer begins again at 0, where nothing is passed over. Only of the
// oldest one is it certain that it was synced, or is older than the one that was.
func (b *bookmark) load() error {
	data, err := fsx.ReadFile(b.fs, b.path)
	if err != nil {
		return err
	}
	b.damaged = true
	oldest := uint64(math.MaxUint64)
	for i := range slots {
		from := min(i*slotSize, len(data))
		s, err := parseSlot(data[from:min(from+slotSize, len(data))])
		switch {
		case errors.Is(err, errVersion):
			return fmt.Errorf("position file %s: %w", b.path, err)
		case err != nil:
			continue
		}
		if b.damaged || s.seq > b.seq {
			b.seq, b.position, b.marks, b.newest = s.seq, s.position, s.marks, i
		}
		b.outdated = b.outdated || s.version != slotVersion
		if s.seq < oldest {
			oldest = s.seq
			b.synced.Store(int64(s.position))
		}
		b.damaged = false
	}
	return nil
}

// save writes position and next, unless that is what the file says. The caller holds mu.
func (b *bookmark) save(position sluice.Offset) error {
	if position == b.position && bytes.Equal(b.next, b.marks) && !b.broken {
		return nil
	}
	b.position = position
	b.marks = append(b.marks[:0], b.next...)
	if err := b.write(); err != nil {
		return fmt.Errorf("diskq: save the position of consumer %q: %w", b.name, err)
	}
	return nil
}

// sync brings what was saved to stable storage. The caller holds mu.
func (b *bookmark) sync() error {
	if !b.unsynced {
		return nil
	}
	if err := b.file.Sync(); err != nil {
		b.broken = true
		return fmt.Errorf("diskq: save the position of consumer %q: %w", b.name, err)
	}
	b.safe, b.unsynced = b.newest, false
	b.synced.Store(int64(b.position))
	return nil
}

// write writes what there is to a slot that is neither the newest nor the one that was synced last.
func (b *bookmark) write() error {
	if b.broken || b.file == nil {
		return b.create()
	}
	target := (b.newest + 1) % slots
	if target == b.safe {
		target = (target + 1) % slots
	}
	b.seq++
	b.buf = slot{seq: b.seq, position: b.position, marks: b.marks}.append(b.buf[:0])
	if _, err := b.file.WriteAt(b.buf, int64(target)*slotSize); err != nil {
		b.broken = true
		return err
	}
	b.newest, b.unsynced = target, true
	return nil
}

// create makes the file, in the place of one that there may be, so that it is there whole or not at all. It takes the room of all
// slots at once: to save needs none later.
func (b *bookmark) create() error {
	b.broken = true
	if b.file != nil {
		b.file.Close() // nothing is expected of it any more
		b.file = nil
	}
	b.seq++
	data := slot{seq: b.seq, position: b.position, marks: b.marks}.append(nil)
	f, err := replaceFile(b.fs, b.dir, b.path, append(data, make([]byte, slots*slotSize-len(data))...))
	if err != nil {
		return err
	}
	b.file, b.broken, b.outdated, b.unsynced, b.newest, b.safe = f, false, false, false, 0, 0
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
	if b.damaged || b.broken || b.outdated {
		return b.create()
	}
	f, err := b.fs.OpenFile(b.path, openReadWrite, 0)
	if err != nil {
		return err
	}
	if err := f.Sync(); err != nil { // what was found may be in the system's cache only
		b.broken = true
		return errors.Join(err, f.Close())
	}
	b.file, b.safe, b.unsynced = f, b.newest, false
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
