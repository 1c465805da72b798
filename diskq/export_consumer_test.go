package diskq

import (
	"context"
	"encoding/binary"
	"hash/crc32"
)

// FutureSlot returns a position file as a later version may write it.
func FutureSlot(data []byte) []byte {
	binary.LittleEndian.PutUint32(data[8:], slotVersion+1)
	binary.LittleEndian.PutUint32(data[slotHeader-4:], 0)
	binary.LittleEndian.PutUint32(data[slotHeader-4:], crc32.Checksum(data[:slotHeader], castagnoli))
	return data
}

// ImportInBatches is ImportNSQ, so many messages at once.
func ImportInBatches[T any](dir, name string, dst *DiskQueue[T], batch int) (ImportReport, error) {
	return importNSQ(context.Background(), dir, name, dst, batch)
}

// SaveLate saves as an Ack does that settled its value before Close, and comes to its save after it.
func SaveLate[T any](c *Consumer[T]) error { return c.save(true) }
