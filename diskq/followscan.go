package diskq

import (
	"time"

	"github.com/sluice-go/sluice"
)

// scan reads the frames that are there by now. What is not whole may become so; only what a later sync point promises is
// damage, and the reader tells it.
func (f *follower) scan() error {
	// From the file again: what was read behind the last frame may have changed.
	if err := f.w.enter(f.w.seg, f.w.pos); err != nil {
		return err
	}
	if f.w.pos == openEnd { // no header yet
		f.w.pos = headerSize
		return nil
	}
	for {
		fr, size, st, err := f.w.frame()
		f.torn = st == damaged
		switch {
		case err != nil || st == atEnd:
			return err
		case st == damaged:
			if passed, err := f.overDamage(); err != nil || !passed {
				return err
			}
			continue
		case fr.kind == kindSync, fr.kind == kindFooter:
			if p, ok := parseSync(fr.payload); ok {
				f.off = p.next
				f.see(p)
				f.mark(p)
			}
			if fr.kind == kindFooter {
				return nil // the writer takes it away, or begins another segment
			}
		default:
			f.off = f.w.seg.first + sluice.Offset(fr.index) + 1
			if fr.kind == kindRecord && !f.durable {
				f.next.Store(max(f.next.Load(), int64(f.off)))
			}
		}
		f.w.skip(size)
	}
}

// see takes up what a sync point says.
func (f *follower) see(p syncPoint) {
	f.epoch.Store(p.epoch)
	f.durable = p.durability == Durable
	end := p.next
	if f.durable {
		end = p.synced
	}
	f.next.Store(max(f.next.Load(), int64(end)))
}

// A mark is a sync point, and the record behind it.
type mark struct {
	pos int64
	off sluice.Offset
}

// An extent is a piece of a file, from there to the end that it had.
type extent struct{ from, end int64 }

// mark notes the sync point at which the window stands, if the one noted before is on stable storage for certain, as the record
// behind it is: then nothing up to there changes any more.
func (f *follower) mark(p syncPoint) {
	if p.synced > f.seen.off {
		f.safe, f.seen = f.seen, mark{f.w.pos, p.next}
	}
}

// rescan goes back to what is safe if the window may stand where no frame ever begins: behind one that was there, and was taken
// back, because its append failed. It does so once a second at most, and not where the window moves on: that may be far to read.
func (f *follower) rescan() error {
	end, err := f.w.extent()
	if err != nil || !f.torn && end >= f.w.pos || time.Since(f.from) < relist {
		return err
	}
	f.from, f.hopeless = time.Now(), extent{}
	f.off = f.safe.off
	if err := f.w.enter(f.w.seg, f.safe.pos); err != nil {
		return err
	}
	return f.scan()
}

// overDamage moves to the next sync point that promises the record at which the window stands, and reports whether there
// is one. If not, that record is one that is being written, and the window stays; then it looks again when there is more.
func (f *follower) overDamage() (bool, error) {
	from := f.w.pos
	end, err := f.w.extent()
	if err != nil || f.hopeless == (extent{from, end}) {
		return false, err
	}
	found, err := f.w.resync(uint32(f.off - f.w.seg.first))
	for found && err == nil {
		fr, size, st, e := f.w.frame()
		if err = e; err != nil || st != whole {
			break
		}
		if p, ok := parseSync(fr.payload); fr.kind == kindSync && ok && p.synced > f.off {
			return true, nil
		}
		f.w.skip(size)
	}
	if err != nil {
		return false, err
	}
	f.hopeless = extent{from, end}
	return false, f.w.enter(f.w.seg, from)
}
