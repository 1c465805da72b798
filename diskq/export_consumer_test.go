package diskq

import (
	"context"
	"encoding/binary"
	"hash/crc32"

	"github.com/sluice-go/sluice"
)

// FutureSlot returns a position file as a later version may write it.
func FutureSlot(data []byte) []byte {
	binary.LittleEndian.PutUint32(data[8:], slotVersion+1)
	binary.LittleEndian.PutUint32(data[slotHeader-4:], 0)
	binary.LittleEndian.PutUint32(data[slotHeader-4:], crc32.Checksum(data[:slotHeader], castagnoli))
	return data
}

// OldPosition returns a position file of version 1: two slots, of which the newer says next, with marks, and the other one before.
func OldPosition(newer int, before, next sluice.Offset, marks []byte) []byte {
	data := make([]byte, 2*slotSize)
	for i, s := range []slot{{seq: 8, position: next, marks: marks}, {seq: 7, position: before}} {
		b := s.append(nil)
		binary.LittleEndian.PutUint32(b[8:], 1)
		binary.LittleEndian.PutUint32(b[slotHeader-4:], 0)
		binary.LittleEndian.PutUint32(b[slotHeader-4:], crc32.Checksum(b, castagnoli))
		copy(data[(newer+i)%2*slotSize:], b)
	}
	return data
}

// SlotVersions returns of what version each slot of a position file is; 0: it is not whole.
func SlotVersions(data []byte) (versions []uint32) {
	for i := 0; i < len(data); i += slotSize {
		s, _ := parseSlot(data[i:min(i+slotSize, len(data))])
		versions = append(versions, s.version)
	}
	return versions
}

// ImportInBatches is ImportNSQ, so many messages at once.
func ImportInBatches[T any](dir, name string, dst *DiskQueue[T], batch int) (ImportReport, error) {
	return importNSQ(context.Background(), dir, name, dst, batch)
}

// SaveLate saves as an Ack does that settled its value before Close, and comes to its save after it.
func SaveLate[T any](c *Consumer[T]) error { return c.save(true) }

// BehindLooks has f called behind each look of an append for room that consumers make. No other append may be under way.
func BehindLooks[T any](q *DiskQueue[T], f func()) {
	look := q.w.consumed
	q.w.consumed = func() error {
		err := look()
		f()
		return err
	}
}
