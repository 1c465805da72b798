package rings

import (
	"context"
	"errors"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/bench/values"
	"github.com/sluice-go/sluice/ring"
)

// Capacities of a cursor's channel: a usual one, and that of the rivals' channels.
const (
	chanSize     = 64
	chanFullSize = 1024
)

// ours returns Sluice's rows.
func ours[T values.Value]() []Rival {
	gated := ring.Options{Policy: ring.Gated}
	single := ring.Options{SingleWriter: true}
	gatedSingle := ring.Options{Policy: ring.Gated, SingleWriter: true}
	return []Rival{
		{Name: Gated, New: newOurs[T](gated, one, byValue), Writers: true, Modest: true},
		{Name: GatedBatches, New: newOurs[T](gated, one, byBatch), Writers: true},
		{Name: Gated16, New: newOurs[T](gated, all16, byBatch), Writers: true, Modest: true},
		{Name: GatedFill16, New: newOurs[T](gated, fill16, byBatch), Writers: true, Modest: true},
		{Name: GatedChan, New: newOurs[T](gated, one, byChan), Writers: true},
		{Name: GatedChanFull, New: newOurs[T](gated, one, byChanFull), Writers: true},
		{Name: GatedSingle, New: newOurs[T](gatedSingle, one, byValue), Modest: true},
		{Name: GatedSingleBatches, New: newOurs[T](gatedSingle, one, byBatch)},
		{Name: GatedSingle16, New: newOurs[T](gatedSingle, all16, byBatch), Modest: true},
		{Name: Overwrite, New: newOurs[T](ring.Options{}, one, byValue), Lossy: true, Writers: true, Modest: true},
		{Name: Overwrite16, New: newOurs[T](ring.Options{}, all16, byBatch), Lossy: true, Writers: true, Modest: true},
		{Name: Single, New: newOurs[T](single, one, byValue), Lossy: true, Modest: true},
		{Name: Single16, New: newOurs[T](single, all16, byBatch), Lossy: true, Modest: true},
		{Name: SingleFill16, New: newOurs[T](single, fill16, byBatch), Lossy: true, Modest: true},
	}
}

type writing int

const (
	one    writing = iota // Append
	all16                 // AppendAll of 16 values
	fill16                // AppendFunc of 16 values
)

type reading int

const (
	byValue    reading = iota // All
	byBatch                   // Batches
	byChan                    // Chan of chanSize
	byChanFull                // Chan of chanFullSize
)

type ourLog[T values.Value] struct {
	ring  *ring.Ring[T]
	write writing
	read  reading
}

func newOurs[T values.Value](o ring.Options, w writing, r reading) func(capacity int) Log {
	return func(capacity int) Log { return ourLog[T]{ring.New[T](capacity, o), w, r} }
}

func (l ourLog[T]) Append(from, n int) {
	switch l.write {
	case one:
		l.appendOnes(from, n)
	case all16:
		l.appendAll(from, n)
	case fill16:
		l.appendFunc(from, n)
	}
}

func (l ourLog[T]) appendOnes(from, n int) {
	ctx := context.Background()
	for i := range n {
		if _, err := l.ring.Append(ctx, numbered[T](from+i)); err != nil {
			panic(err) // the ring is open: a broken benchmark
		}
	}
}

func (l ourLog[T]) appendAll(from, n int) {
	ctx := context.Background()
	var vs [16]T
	for end := from + n; from < end; {
		k := min(len(vs), end-from)
		for i := range k {
			vs[i] = numbered[T](from + i)
		}
		if _, err := l.ring.AppendAll(ctx, vs[:k]); err != nil {
			panic(err)
		}
		from += k
	}
}

func (l ourLog[T]) appendFunc(from, n int) {
	ctx := context.Background()
	fill := func(dst []T) {
		for i := range dst {
			dst[i] = numbered[T](from + i)
		}
	}
	for end := from + n; from < end; {
		k := min(16, end-from)
		if _, err := l.ring.AppendFunc(ctx, k, fill); err != nil {
			panic(err)
		}
		from += k
	}
}

func (l ourLog[T]) Close() { l.ring.Close() }

func (l ourLog[T]) Reader() func() Tally {
	cur := l.ring.Cursor(sluice.Oldest())
	return func() (t Tally) {
		// A context that can be cancelled, as in a program: it is looked at, and costs a reader more to wait with.
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		defer cur.Close()
		switch l.read {
		case byValue:
			readValues(ctx, cur, &t)
		case byBatch:
			readBatches(ctx, cur, &t)
		case byChan:
			readChan(ctx, cur, chanSize, &t)
		case byChanFull:
			readChan(ctx, cur, chanFullSize, &t)
		}
		return t
	}
}

func readValues[T values.Value](ctx context.Context, cur *sluice.Cursor[T], to *Tally) {
	var t Tally
	for v, err := range cur.All(ctx) {
		if err != nil {
			t.lag(err)
			continue
		}
		see(&t, v)
	}
	*to = t
}

func readBatches[T values.Value](ctx context.Context, cur *sluice.Cursor[T], t *Tally) {
	for batch, err := range cur.Batches(ctx) {
		if err != nil {
			t.lag(err)
			continue
		}
		seeAll(t, batch)
	}
}

func readChan[T values.Value](ctx context.Context, cur *sluice.Cursor[T], size int, t *Tally) {
	ch, stop := cur.Chan(ctx, size)
	for v := range ch {
		see(t, v)
	}
	if err := stop(); err != nil {
		panic(err)
	}
}

// lag counts a gap; any other error is a broken benchmark.
func (t *Tally) lag(err error) {
	var lag *sluice.LagError
	if !errors.As(err, &lag) {
		panic(err)
	}
	t.miss(lag.Missed())
}
