package logs

import (
	"encoding/binary"
	"fmt"
)

// Log is a rival, open in a directory.
type Log interface {
	// Append appends a record, which it does not keep. It may be called by several goroutines.
	Append(p []byte) error

	// Close makes what was appended readable and lets go of the directory.
	Close() error
}

// A Batcher appends many records at once.
type Batcher interface {
	AppendAll(ps [][]byte) error
}

// Rival is a way to keep records on disk.
type Rival struct {
	Name string
	Open func(dir string) (Log, error)

	// Read calls f for all records of a closed log in a directory, in order. f does not keep the record.
	Read func(dir string, f func(p []byte) error) error
}

// Names of rivals that goals speak of.
const (
	Nsq      = "nsq"
	NsqSync  = "nsq, sync each"
	Pebble   = "pebble record"
	PebbleDB = "pebble LogData"
	Tidwall  = "tidwall/wal"
	NoCopy   = "tidwall/wal, NoCopy"
	Wlog     = "prometheus wlog"
	RaftWAL  = "raft-wal"
	Bare     = "bare fdatasync loop"
	BareRead = "bare pread and CRC"
	BareSend = "bare write loop"
	Buffered = "diskq buffered"
	Written  = "diskq written"
	Durable  = "diskq durable"
	Kept     = "diskq buffered, values kept"
	Batches  = "diskq buffered, by batch"
)

// fill makes p the record of that number.
func fill(p []byte, number int) { binary.LittleEndian.PutUint64(p, uint64(number)) }

// A Tally checks what a reader gets.
type Tally struct {
	n    int
	size int
	sum  byte // of the last bytes, so that a record is looked at as a whole

	_ [104]byte // readers on two processors shall not write to one cache line
}

// See checks the next record.
func (t *Tally) See(p []byte) error {
	if len(p) != t.size || binary.LittleEndian.Uint64(p) != uint64(t.n) {
		return fmt.Errorf("record %d is %.20q of %d bytes, want its number and %d bytes", t.n, p, len(p), t.size)
	}
	t.sum += p[len(p)-1]
	t.n++
	return nil
}

// Check fails unless all records came.
func (t *Tally) Check(n int) error {
	if t.n != n {
		return fmt.Errorf("%d records were read, want %d", t.n, n)
	}
	return nil
}
