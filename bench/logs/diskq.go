package logs

import (
	"context"
	"errors"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/diskq"
)

// queue is diskq with one of its durabilities.
type queue struct{ *diskq.DiskQueue[[]byte] }

func openQueue(d diskq.Durability) func(dir string) (Log, error) {
	return func(dir string) (Log, error) {
		q, err := diskq.Open(dir, diskq.Bytes(), diskq.Options{Durability: d})
		return queue{q}, err
	}
}

func (q queue) Append(p []byte) error {
	_, err := q.DiskQueue.Append(context.Background(), p)
	return err
}

func (q queue) AppendAll(ps [][]byte) error {
	_, err := q.DiskQueue.AppendAll(context.Background(), ps)
	return err
}

// A drainer calls f for all that there is.
type drainer func(q sluice.Source[[]byte], f func(p []byte) error) error

// readQueue returns a Read with that codec.
func readQueue(codec diskq.Codec[[]byte], drain drainer) func(dir string, f func(p []byte) error) error {
	return func(dir string, f func(p []byte) error) error {
		q, err := diskq.Open(dir, codec, diskq.Options{})
		if err != nil {
			return err
		}
		return errors.Join(drain(q, f), q.Close())
	}
}

func drain(q sluice.Source[[]byte], f func(p []byte) error) error {
	c := q.Cursor(sluice.Oldest())
	defer c.Close()
	_, end := q.Bounds()
	left := end - c.Offset()
	if left == 0 {
		return nil
	}
	for p, err := range c.All(context.Background()) {
		if err == nil {
			err = f(p)
		}
		if err != nil {
			return err
		}
		if left--; left == 0 {
			return nil
		}
	}
	return sluice.ErrClosed // before the end
}

// drainBatches is drain by whole batches.
func drainBatches(q sluice.Source[[]byte], f func(p []byte) error) error {
	c := q.Cursor(sluice.Oldest())
	defer c.Close()
	for {
		batch, err := c.TryBatch()
		if err != nil || len(batch) == 0 {
			return err
		}
		for _, p := range batch {
			if err := f(p); err != nil {
				return err
			}
		}
	}
}

func ours(d diskq.Durability) Rival {
	name := map[diskq.Durability]string{diskq.Buffered: Buffered, diskq.Written: Written, diskq.Durable: Durable}[d]
	return Rival{Name: name, Open: openQueue(d), Read: readQueue(diskq.LentBytes(), drain)}
}
