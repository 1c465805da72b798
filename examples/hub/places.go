package main

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/sluice-go/sluice"
)

// places is where a client stands in each of its rooms, as an event's id says it: epoch,room:offset,room:offset. The offsets
// are those of the lines that come next.
type places struct {
	epoch string
	rooms []string // sorted
	next  map[string]sluice.Offset
	buf   []byte
}

func newPlaces(epoch string, next map[string]sluice.Offset) places {
	return places{epoch: epoch, rooms: slices.Sorted(maps.Keys(next)), next: next}
}

func (p *places) of(room string) sluice.Offset { return p.next[room] }

func (p *places) set(room string, next sluice.Offset) { p.next[room] = next }

// id returns the id, which is valid until the next call.
func (p *places) id() []byte {
	p.buf = append(p.buf[:0], p.epoch...)
	for _, room := range p.rooms {
		p.buf = append(p.buf, ',')
		p.buf = append(p.buf, room...)
		p.buf = append(p.buf, ':')
		p.buf = strconv.AppendInt(p.buf, int64(p.next[room]), 10)
	}
	return p.buf
}

// parseID is the inverse of id.
func parseID(id string) (epoch string, at map[string]sluice.Offset, err error) {
	epoch, list, _ := strings.Cut(id, ",")
	at = map[string]sluice.Offset{}
	for item := range strings.SplitSeq(list, ",") {
		room, number, _ := strings.Cut(item, ":")
		n, err := strconv.ParseInt(number, 10, 64)
		if err != nil || n < 0 || !roomName.MatchString(room) || len(at) == maxRooms {
			return "", nil, fmt.Errorf("the id %q is none of this server: epoch,room:offset,…, with up to %d rooms", id, maxRooms)
		}
		at[room] = sluice.Offset(n)
	}
	return epoch, at, nil
}
