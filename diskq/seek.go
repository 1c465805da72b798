package diskq

import (
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"time"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/internal/fsx"
)

var errMissing = errors.New("the values are missing")

// seek returns where in g to look for off: a sync point at or before it, at most some 64 KiB away if the index is there.
func (s *segments) seek(g *segment, off sluice.Offset) (int64, error) {
	places, err := s.index(g)
	if err != nil {
		return 0, err
	}
	i, ok := slices.BinarySearchFunc(places, int64(off-g.first), func(p place, index int64) int {
		return int(min(1, max(-1, int64(p.index)-index)))
	})
	if ok {
		return places[i].pos, nil
	}
	if i == 0 {
		return headerSize, nil
	}
	return places[i-1].pos, nil
}

// index returns the sparse index of a segment: the one in memory if it is being written, that of the footer if it is
// sealed, and none if there is none, or only a damaged one.
func (s *segments) index(g *segment) ([]place, error) {
	g.mu.Lock()
	places := g.places
	g.mu.Unlock()
	if places != nil {
		return places, nil // it is only appended to
	}
	f, err := s.files.acquire(g)
	if err != nil {
		return nil, err
	}
	defer s.files.release(g)
	h, err := g.identity(f)
	if err == errHeader {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	foot, _, err := readFooter(f, h.id)
	if err == errNotSealed {
		return nil, nil
	}
	return foot.places, err
}

var errNotSealed = errors.New("the segment is not sealed")

// unknownID stands for the id that a footer itself says it belongs to. No segment has it.
const unknownID = 0

// readFooter returns the footer of a sealed segment, and where it begins, or errNotSealed.
func readFooter(f fsx.File, id uint64) (footer, int64, error) {
	size, err := f.Size()
	if err != nil {
		return footer{}, 0, err
	}
	var t [trailerSize]byte
	if _, err := f.ReadAt(t[:], max(0, size-trailerSize)); err != nil && err != io.EOF {
		return footer{}, 0, err
	}
	pos, ok := parseTrailer(t[:], size)
	if !ok {
		return footer{}, 0, errNotSealed
	}
	var word [4]byte
	if _, err := f.ReadAt(word[:], pos); err != nil && err != io.EOF {
		return footer{}, 0, err
	}
	n, ok := frameSize(binary.LittleEndian.Uint32(word[:]))
	if !ok || int64(n) != size-trailerSize-pos-frameHeader { // before anything is allocated
		return footer{}, 0, errNotSealed
	}
	b := make([]byte, frameHeader+n)
	if _, err := f.ReadAt(b, pos); err != nil && err != io.EOF {
		return footer{}, 0, err
	}
	if id == unknownID && len(b) >= frameHeader+8 {
		id = binary.LittleEndian.Uint64(b[frameHeader:])
	}
	fr, n, ok := parseFrame(b, id, pos)
	if !ok || fr.kind != kindFooter || n != len(b) {
		return footer{}, 0, errNotSealed
	}
	foot, ok := parseFooter(fr.payload)
	if !ok || foot.id != id {
		return footer{}, 0, errNotSealed
	}
	return foot, pos, nil
}

// since returns where to start reading for everything appended at t or later.
func (s *segments) since(t time.Time) sluice.Offset {
	list := s.all()
	i := len(list) - 1
	for i > 0 && !s.createdBefore(list[i], t) {
		i--
	}
	g := list[i]
	off := g.first
	places, err := s.index(g)
	if err != nil {
		return off // earlier than need be, but nothing is passed over
	}
	for _, p := range places {
		if p.time.Before(t) {
			off = g.first + sluice.Offset(p.index)
		}
	}
	first, next := s.bounds()
	return min(max(off, first), next)
}

// createdBefore reports whether g was created before t, so that everything in front of it was appended before t. If
// nobody can tell it was not.
func (s *segments) createdBefore(g *segment, t time.Time) bool {
	created, ok := s.createdAt(g)
	return ok && created.Before(t)
}

// createdAt returns when a segment was begun: what lies before it was appended earlier. It can't tell if the header can't be
// read, or is damaged.
func (s *segments) createdAt(g *segment) (created time.Time, ok bool) {
	f, err := s.files.acquire(g)
	if err != nil {
		return created, false
	}
	defer s.files.release(g)
	h, err := g.identity(f)
	return h.created, err == nil && !h.created.IsZero()
}
