package diskq_test

import (
	"context"
	"testing"

	"github.com/sluice-go/sluice/diskq"
)

// Receiving and acknowledging allocates nothing, but for the block that values are cut from, once in thousands.
func TestReceiveAllocatesNothing(t *testing.T) {
	q, err := diskq.Open(dir, diskq.Bytes(), diskq.On(diskq.Options{Durability: diskq.Buffered}, newMem()))
	must(t, err)
	defer q.Close()
	const n = 20_000
	if _, err := q.AppendAll(t.Context(), make([][]byte, n)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	c, err := q.Consumer("c", diskq.ConsumerOptions{SaveEvery: -1})
	must(t, err)
	defer c.Close()
	one := func() {
		d, err := c.Receive(ctx)
		must(t, err)
		must(t, d.Ack())
	}
	for range 3000 {
		one()
	}
	if got := testing.AllocsPerRun(4000, one); got != 0 {
		t.Errorf("Receive and Ack allocate %v times, want 0", got)
	}
	ch, stop := c.Chan(ctx, 64)
	take := func() {
		d := <-ch
		must(t, d.Ack())
	}
	for range 2000 {
		take()
	}
	if got := testing.AllocsPerRun(4000, take); got != 0 {
		t.Errorf("Chan and Ack allocate %v times, want 0", got)
	}
	must(t, stop())
}
