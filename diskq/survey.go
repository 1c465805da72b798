package diskq

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/sluice-go/sluice"
)

// A survey is what a walk over a whole segment found.
type survey struct {
	g       *segment
	head    header
	sealed  bool
	end     sluice.Offset // behind the last record
	endPos  int64
	records int64 // that are whole
	holes   []hole
	places  []place
	last    syncPoint     // the last one
	points  int           // how many there are
	synced  sluice.Offset // the highest that a sync point or the header promises
	created time.Time
}

// A hole is damage: whatever was between from and to. The records from (inclusive) to (exclusive) are lost, which may be
// none, if only a sync point was hit.
type hole struct {
	from, to sluice.Offset
	pos      int64 // where it begins
	final    bool  // nothing follows; to is not known
	batch    sluice.Offset
	batchPos int64 // where the append that the hole is in begins; pos and from, if it is not in the middle of one
	err      error
}

// walk goes over a segment from its beginning, up to the segment behind it. It reports damage, and fails only if the file
// can't be read.
func (s *segments) walk(g *segment) (*survey, error) {
	v := &survey{g: g, end: g.first, endPos: headerSize}
	w := window{s: s}
	if err := w.enter(g, headerSize); err != nil {
		return nil, err
	}
	if w.pos == openEnd {
		v.endPos = 0
		v.holes = []hole{{from: g.first, batch: g.first, final: true, err: placed(g, 0, errHeader)}}
		return v, nil
	}
	v.head = *g.head
	v.synced, v.created = v.head.synced, v.head.created
	batch, batchPos := v.end, v.endPos // where the append of the next record began
	for limit := sluice.Offset(g.next.Load()); ; {
		if _, err := w.verifyRun(true); err != nil {
			return nil, err
		}
		if n, appends, pos := w.passPlain(uint32(v.end-g.first), int64(limit-v.end)); n > 0 {
			if appends > 0 {
				batch, batchPos = v.end+sluice.Offset(appends), pos
			}
			v.end, v.endPos, v.records = v.end+sluice.Offset(n), w.pos, v.records+n
		}
		f, size, st, err := w.frame()
		at := g.first + sluice.Offset(f.index)
		switch {
		case err != nil:
			return nil, err
		case st == atEnd, st == whole && f.kind <= kindPart && at >= limit, st == damaged && v.end >= limit:
			// What lies behind the last record, such as half a footer, is nobody's.
			v.endBatch(batch, batchPos)
			return v, nil
		case st == damaged, at < v.end: // the latter is a frame of an append that was taken back
			h := hole{from: v.end, to: v.end, pos: w.pos, batch: batch, batchPos: batchPos, err: placed(g, w.pos, errDamaged)}
			found, err := w.resync(uint32(v.end - g.first))
			if err != nil {
				return nil, err
			}
			h.final = !found
			v.holes = append(v.holes, h)
			if h.final {
				return v, nil
			}
			continue
		}
		if at > v.end && !v.widen(at, limit) {
			v.holes = append(v.holes, hole{from: v.end, to: min(at, limit), pos: w.pos, batch: batch, batchPos: batchPos,
				err: placed(g, w.pos, errMissing)})
		}
		v.end = min(at, limit)
		v.endPos = w.pos + int64(size)
		switch f.kind {
		case kindSync:
			v.notePoint(f, w.pos)
			batch, batchPos = v.end, w.pos // it stands between two appends, also where the end of the first is damaged
		case kindFooter:
			foot, ok := parseFooter(f.payload)
			v.sealed = ok && len(v.holes) == 0
			if ok {
				v.last, v.points, v.synced = foot.syncPoint, v.points+1, max(v.synced, foot.synced)
			}
			v.endPos = w.pos
			return v, nil
		default:
			v.end++
			v.records++
			if f.kind == kindRecord {
				batch, batchPos = v.end, v.endPos
			}
		}
		w.skip(size)
		w.due = f.kind == kindSync
	}
}

// passPlain moves over what is plain: at most so many whole records, in memory as they are, numbered from index on, one
// behind the other. It stops at whatever else there is. It returns how many they are, how many of them belong to appends that
// are there whole, and where those end.
func (w *window) passPlain(index uint32, most int64) (n, appends, endPos int64) {
	i, pos := w.i, w.pos
	for ; n < most; index++ {
		b := w.buf[i:w.n]
		if len(b) < frameHeader {
			break
		}
		word := binary.LittleEndian.Uint32(b)
		size, ok := frameSize(word)
		if !ok || kind(word&3) > kindPart || size > len(b)-frameHeader || binary.LittleEndian.Uint32(b[4:]) != index {
			break
		}
		size += frameHeader
		if i < w.trust && i >= w.run && binary.LittleEndian.Uint32(b[8:]) != checksum(w.id, pos, word, index, b[frameHeader:size]) {
			break
		}
		i, pos, n = i+size, pos+int64(size), n+1
		if kind(word&3) == kindRecord {
			appends, endPos = n, pos
		}
	}
	w.i, w.pos = i, pos
	return n, appends, endPos
}

// widen makes the last hole reach up to at, if it is what lies before.
func (v *survey) widen(at, limit sluice.Offset) bool {
	n := len(v.holes)
	if n == 0 || v.holes[n-1].from != v.end {
		return false
	}
	v.holes[n-1].to = min(at, limit)
	return true
}

// endBatch notes an append whose end is missing.
func (v *survey) endBatch(batch sluice.Offset, batchPos int64) {
	if batch < v.end {
		v.holes = append(v.holes, hole{from: v.end, pos: v.endPos, final: true, batch: batch, batchPos: batchPos,
			err: placed(v.g, v.endPos, fmt.Errorf("the end of a batch is missing"))})
	}
}

func (v *survey) notePoint(f frame, pos int64) {
	p, ok := parseSync(f.payload)
	if !ok || p.id != v.head.id {
		return
	}
	v.last = p
	v.points++
	v.synced = max(v.synced, p.synced)
	v.places = append(v.places, place{pos, f.index, p.time})
}
