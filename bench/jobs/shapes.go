package jobs

import (
	"encoding/binary"
	"fmt"
	"os"
	"time"

	"github.com/sluice-go/sluice/bench/ratio"
	"github.com/sluice-go/sluice/diskq"
)

const size = 100

// produce puts n messages, one after the other, and then sends what went wrong.
func produce(n int, put func(p []byte) error) <-chan error {
	errs := make(chan error, 1)
	go func() {
		p := make([]byte, size)
		for i := range n {
			binary.LittleEndian.PutUint64(p, uint64(i))
			if err := put(p); err != nil {
				errs <- err
				return
			}
		}
		errs <- nil
	}()
	return errs
}

// A tally counts what came, and adds up the numbers, in whatever order they came.
type tally struct {
	n   int
	sum uint64
	bad int
}

func (t *tally) see(p []byte) {
	if len(p) != size {
		t.bad++
		return
	}
	t.n++
	t.sum += binary.LittleEndian.Uint64(p)
}

func (t *tally) add(u tally) {
	t.n += u.n
	t.sum += u.sum
	t.bad += u.bad
}

func (t *tally) check(n int) error {
	if want := uint64(n) * uint64(n-1) / 2; t.n != n || t.sum != want || t.bad > 0 {
		return fmt.Errorf("%d messages of sum %d came, and %d bad ones, want %d of sum %d", t.n, t.sum, t.bad, n, want)
	}
	return nil
}

// Names of rows that goals speak of.
const (
	readChanRow   = "go-diskqueue ReadChan"
	receiveRow    = "Receive, Ack"
	unbufferedRow = "Chan, unbuffered"
	bufferedRow   = "Chan, 64"
	eightRow      = "Receive, Ack, 8 workers"
)

// Tables returns the table of this package for n messages, with the goals that consumers are held to.
func Tables(n int) []*ratio.Table {
	var o diskq.ConsumerOptions
	auto := diskq.ConsumerOptions{AutoAck: true}
	t := &ratio.Table{Title: "Jobs, 100 B, 1 producer, per message", Ours: receiveRow}
	for _, r := range []struct {
		name string
		run  func(dir string, n int) (time.Duration, error)
	}{
		{readChanRow, readChan},
		{receiveRow, ours(diskq.Buffered, receive(1), o)},
		{unbufferedRow, ours(diskq.Buffered, channel(0, true), o)},
		{bufferedRow, ours(diskq.Buffered, channel(64, true), o)},
		{"Chan, 64, AutoAck", ours(diskq.Buffered, channel(64, false), auto)},
		{"Receive, Ack, AckWait 30s", ours(diskq.Buffered, receive(1), diskq.ConsumerOptions{AckWait: 30 * time.Second})},
		{eightRow, ours(diskq.Buffered, receive(8), o)},
		{"written: Receive, Ack", ours(diskq.Written, receive(1), o)},
		{"written: Chan, 64", ours(diskq.Written, channel(64, true), o)},
	} {
		t.Rows = append(t.Rows, ratio.Row{Name: r.name, Run: func() (ratio.Sample, error) { return inTemp(n, r.run) }})
	}
	t.Goals = []ratio.Goal{
		{Row: unbufferedRow, Peer: readChanRow, AtLeast: 5},
		{Row: bufferedRow, Peer: readChanRow, AtLeast: 10},
		{Row: receiveRow, Peer: readChanRow, AtLeast: 5},
		{Row: eightRow, Peer: receiveRow, AtMost: 1},
	}
	return []*ratio.Table{t}
}

func inTemp(n int, run func(dir string, n int) (time.Duration, error)) (ratio.Sample, error) {
	dir, err := os.MkdirTemp("", "jobs")
	if err != nil {
		return ratio.Sample{}, err
	}
	took, err := run(dir, n)
	return ratio.Sample{Nanos: float64(took.Nanoseconds()) / float64(n)}, join(err, os.RemoveAll(dir))
}
