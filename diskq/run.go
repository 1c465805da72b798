package diskq

import (
	"encoding/binary"
	"hash/crc32"
)

// A run is what lies between two sync points. The one behind it says which checksum it has as a whole. So a reader verifies
// some 600 records of 100 bytes with one pass over them, at several times the speed of one pass over each: the processor
// computes a CRC of a short piece one step after the other, of a long one three pieces at once. Only if that is not what
// it should be are the records looked at one by one, and then the damaged one is told from the others as ever.
//
// Nothing that a record's own checksum finds is missed, but for the odds: a sync point is valid at one place of one segment
// only, and what is there as it was written, from one such place to the next, is nothing stale, moved or embedded. The odds
// that other damage than up to three bits, or 32 bits in a row, passes unseen are 1 in 2^32 a run instead of a record.
type run struct {
	sum   uint32 // of what is not in the block any more
	from  int    // where in the block the rest begins
	index uint32 // of its first record
	size  int    // in bytes, without the rest
	known bool   // false: the sum was not kept, so there will be none
}

// runLeast is from how many bytes on a run has a checksum, and runFrame up to how many bytes a frame, on average: longer ones are
// verified as fast one by one.
const (
	runLeast = 1 << 10
	runFrame = 512
)

// beginRunLocked begins a run at that place in the block, behind a sync point.
func (w *writer) beginRunLocked(from int) {
	w.run = run{from: from, index: uint32(w.n - w.b.seg.first), known: true}
}

// carryRunLocked takes what the block holds of the run up to that place into its sum: another block begins there.
func (w *writer) carryRunLocked(to int) {
	w.sumRunLocked(to)
	w.run.from -= to
}

// endRunLocked returns the checksum of the run that a sync point here ends, and false if it has none.
func (w *writer) endRunLocked() (sum uint32, ok bool) {
	if w.run.size+w.used-w.run.from < runLeast {
		return 0, false
	}
	if w.sumRunLocked(w.used); !w.run.known {
		return 0, false
	}
	return w.run.sum, true
}

// sumRunLocked takes what the block holds up to that place into the sum, unless the records are too large for it to be of use.
func (w *writer) sumRunLocked(to int) {
	r := &w.run
	if to <= r.from {
		return
	}
	r.size += to - r.from
	records := int(uint32(w.n-w.b.seg.first) - r.index)
	if r.known = r.known && r.size <= min(2*pointEvery, runFrame*records); r.known {
		r.sum = crc32.Update(r.sum, castagnoli, w.b.data[r.from:to])
	}
	r.from = to
}

// verifyRun looks, behind a sync point, for the next one, and compares what lies between with the checksum that it says. If
// they agree no frame before it needs to be verified. It reports whether it could look: more of the file may have to be in
// memory, for which the window must be allowed to move.
func (w *window) verifyRun(mayMove bool) (bool, error) {
	for w.due && w.i < w.trust && len(w.buf) <= blockSize { // a larger buffer is one for large values
		size, more := w.findRun()
		if !more {
			w.run = max(w.run, w.i+size)
			break
		}
		if !mayMove {
			return false, nil
		}
		w.makeRoom(2 * pointEvery)
		n, err := w.read(w.buf[w.n:])
		if err != nil {
			return true, err
		}
		if n == 0 && w.usual == 0 {
			break
		}
		if n == 0 {
			w.usual = 0 // there is no such run any more, but there may be a shorter one
		}
		w.n += n
	}
	w.due = false
	return true, nil
}

// findRun returns the size of the run that begins at buf[i], 0 if there is none, and more if more of the file must be read to tell.
func (w *window) findRun() (size int, more bool) {
	if w.usual > w.n-w.i-pointSize {
		return 0, true
	}
	if w.isRun(w.usual) { // so there is no need to walk over its records
		return w.usual, false
	}
	if size, more = runSize(w.buf[w.i:w.n]); !w.isRun(size) {
		return 0, more
	}
	w.usual = size
	return size, false
}

// runSize returns how many bytes of b are small records, up to a sync point, all of which is in b. If there is none it
// returns 0, and more if there may be one behind b. Nothing of this is verified.
func runSize(b []byte) (size int, more bool) {
	same, step := uint32(0), 0
	for size < 2*pointEvery {
		f := b[size:]
		if len(f) < pointSize { // no record can be taken for whole here, but then there is a sync point behind it
			return 0, true
		}
		if word := binary.LittleEndian.Uint32(f); word != same || size == 0 {
			length, ok := frameSize(word)
			switch k := kind(word & 3); {
			case ok && k == kindSync && length == syncSize:
				return size, false
			case !ok || k > kindPart || length > 2*runFrame:
				return 0, false
			}
			same, step = word, frameHeader+length
		}
		if step > len(f) {
			return 0, true
		}
		size += step
	}
	return 0, false
}

// isRun reports whether that many bytes are a run: whether a sync point follows that has their checksum.
func (w *window) isRun(size int) bool {
	if size < runLeast || size > w.n-w.i-pointSize || binary.LittleEndian.Uint32(w.buf[w.i+size:]) != frameWord(kindSync, syncSize) {
		return false
	}
	f, _, ok := parseFrame(w.buf[w.i+size:w.n], w.id, w.pos+int64(size))
	if !ok || f.kind != kindSync {
		return false
	}
	p, ok := parseSync(f.payload)
	return ok && p.summed && p.sum == crc32.Checksum(w.buf[w.i:w.i+size], castagnoli)
}
