package sluice_test

import (
	"context"
	"errors"
	"iter"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"
	"weak"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/replay"
)

// loops are those that hand out one value after the other. They end at an error.
func loops[T any]() map[string]func(context.Context, *sluice.Cursor[T]) iter.Seq[T] {
	return map[string]func(context.Context, *sluice.Cursor[T]) iter.Seq[T]{
		"All": func(ctx context.Context, c *sluice.Cursor[T]) iter.Seq[T] {
			return func(yield func(T) bool) {
				for v, err := range c.All(ctx) {
					if err != nil || !yield(v) {
						return
					}
				}
			}
		},
		"Entries": func(ctx context.Context, c *sluice.Cursor[T]) iter.Seq[T] {
			return func(yield func(T) bool) {
				for e, err := range c.Entries(ctx) {
					if err != nil || !yield(e.Value) {
						return
					}
				}
			}
		},
		"Values": func(ctx context.Context, c *sluice.Cursor[T]) iter.Seq[T] {
			values, _ := c.Values(ctx)
			return values
		},
		"Backlog": func(ctx context.Context, c *sluice.Cursor[T]) iter.Seq[T] {
			values, _ := c.Backlog(ctx)
			return values
		},
	}
}

// count returns the numbers below n.
func count(n int) iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := range n {
			if !yield(i) {
				return
			}
		}
	}
}

// Whatever reads inside of whatever, each value comes once, in order, and the cursor stands behind it.
func TestNestedReads(t *testing.T) {
	const n = 3000
	for _, lent := range []int{1, 5, 16, 63, 64, 65, 200, n} {
		for seed := range uint64(40) {
			rnd := rand.New(rand.NewPCG(seed, uint64(lent)))
			c := sluice.NewCursor[int](&slow{rig: newRig(slices.Collect(count(n))...), most: lent})
			next := 0
			see := func(vs ...int) {
				for _, v := range vs {
					if v != next {
						t.Fatalf("batches of %d, seed %d: got %d, want %d", lent, seed, v, next)
					}
					next++
				}
			}
			for next < n {
				nest(t.Context(), rnd, c, see, 0)
				if off := int(c.Offset()); off != next {
					t.Fatalf("batches of %d, seed %d: Offset() = %d behind %d", lent, seed, off, next-1)
				}
			}
			c.Close()
		}
	}
}

// nest reads some values in a random way, in whose body others read.
func nest(ctx context.Context, rnd *rand.Rand, c *sluice.Cursor[int], see func(...int), depth int) {
	steps := 1 + rnd.IntN(90)
	inner := func() (more bool) {
		if depth < 3 && rnd.IntN(12) == 0 {
			nest(ctx, rnd, c, see, depth+1)
		}
		steps--
		return steps > 0
	}
	names := []string{"All", "Entries", "Values", "Backlog"}
	switch way := rnd.IntN(8); way {
	case 0, 1, 2, 3:
		for v := range loops[int]()[names[way]](ctx, c) {
			see(v)
			if !inner() {
				return
			}
		}
	case 4:
		for batch := range c.Batches(ctx) {
			see(batch...)
			if !inner() {
				return
			}
		}
	case 5:
		batch, _ := c.TryBatch()
		see(batch...)
	case 6:
		if v, ok, _ := c.TryNext(); ok {
			see(v)
		}
	case 7:
		if off := c.Offset(); rnd.IntN(2) == 0 { // there and back
			c.Seek(sluice.Oldest())
			c.TryNext()
			c.Seek(sluice.At(off))
		}
		if v, err := c.Next(ctx); err == nil {
			see(v)
		}
	}
}

// slow is a rig that ends, and lends so many values at most, from memory that it uses again.
type slow struct {
	*rig
	most int
	buf  []int
}

func (r *slow) Poll() ([]int, error) {
	for i := range r.buf {
		r.buf[i] = -1 // the last batch is no longer lent
	}
	batch := r.vs[r.off:min(int(r.off)+r.most, len(r.vs))]
	if len(batch) == 0 {
		return nil, sluice.ErrClosed
	}
	r.off += sluice.Offset(len(batch))
	r.buf = append(r.buf[:0], batch...)
	return r.buf, nil
}

func (r *slow) Close() error {
	for i := range r.buf {
		r.buf[i] = -2
	}
	return r.rig.Close()
}

// A body that reads, with a context of its own, keeps the hand filled: the loop looks at its own context all the same.
func TestCancelInABodyThatReads(t *testing.T) {
	_, c := numbers(t, 3000)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	n := 0
	for _, err := range c.All(ctx) {
		if err != nil {
			break
		}
		cancel()
		n++
		for range 1 + n%3 {
			if _, err := c.Next(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n > 16 {
		t.Errorf("the loop went on for %d values after its context was done, want at most 16", n)
	}
}

// What was read is not kept alive by a cursor that found nothing more.
func TestReadValuesAreNotKept(t *testing.T) {
	reads := map[string]func(*sluice.Cursor[*[64]byte]){
		"TryBatch": func(c *sluice.Cursor[*[64]byte]) {
			for range 100 {
				c.TryNext() // which leaves something in the hand
				c.TryBatch()
			}
		},
		"TryNext": func(c *sluice.Cursor[*[64]byte]) {
			for range 1000 {
				c.TryNext()
			}
		},
	}
	for name, loop := range loops[*[64]byte]() {
		reads[name] = func(c *sluice.Cursor[*[64]byte]) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			n := 0
			for range loop(ctx, c) {
				if n++; n == 100 {
					cancel()
				}
			}
			c.TryNext()
		}
	}
	for name, read := range reads {
		t.Run(name, func(t *testing.T) {
			r := &pointers{rig: newRig()}
			c := sluice.NewCursor[*[64]byte](r)
			defer c.Close()
			var weaks []weak.Pointer[[64]byte]
			for _, n := range []int{20, 80} { // the last 16 fill less of the hand than those before
				for range n {
					p := new([64]byte)
					weaks = append(weaks, weak.Make(p))
					r.vs = append(r.vs, p)
				}
				r.ends = append(r.ends, len(r.vs))
			}
			read(c)
			if off := c.Offset(); off != 100 {
				t.Fatalf("Offset() = %v, want 100", off)
			}
			for deadline := time.Now().Add(time.Minute); ; runtime.Gosched() {
				runtime.GC()
				left := 0
				for _, w := range weaks {
					if w.Value() != nil {
						left++
					}
				}
				if left == 0 {
					break
				}
				if time.Now().After(deadline) {
					t.Fatalf("%d of the values that were read are kept", left)
				}
			}
			runtime.KeepAlive(c)
		})
	}
}

// pointers is a Reader that forgets what it has lent.
type pointers struct {
	*rig
	vs   []*[64]byte
	ends []int // of batches
}

func (r *pointers) Bounds() (first, next sluice.Offset) { return 0, r.off + sluice.Offset(len(r.vs)) }

func (r *pointers) Poll() ([]*[64]byte, error) {
	if len(r.vs) == 0 {
		return nil, nil
	}
	n := r.ends[0] - int(r.off)
	batch := slices.Clone(r.vs[:n])
	r.vs, r.ends = slices.Clone(r.vs[n:]), r.ends[1:]
	r.off += sluice.Offset(n)
	return batch, nil
}

func TestReadingDoesNotAllocate(t *testing.T) {
	log, c := numbers(t, 200)
	log.Close()
	ctx := t.Context()
	for name, read := range map[string]func() int{
		"All": func() (n int) {
			for range c.All(ctx) {
				n++
			}
			return n
		},
		"Entries": func() (n int) {
			for range c.Entries(ctx) {
				n++
			}
			return n
		},
		"Next": func() (n int) {
			for {
				if _, err := c.Next(ctx); err != nil {
					return n
				}
				n++
			}
		},
		"TryNext and TryBatch": func() (n int) {
			for {
				if _, ok, _ := c.TryNext(); !ok {
					return n
				}
				batch, _ := c.TryBatch()
				n += 1 + len(batch)
			}
		},
	} {
		if allocs := testing.AllocsPerRun(20, func() {
			c.Seek(sluice.Oldest())
			if n := read(); n != 200 {
				t.Fatalf("%s: read %d values, want 200", name, n)
			}
		}); allocs != 0 {
			t.Errorf("%s allocates %v times for 200 values, want 0", name, allocs)
		}
	}
}

// A hand has at most 4 KiB, one value at least, and room for no more than was there to be read.
func TestSizeOfAHand(t *testing.T) {
	for _, test := range []struct {
		name string
		got  func(batches ...int) []int
		want [3]int
	}{
		{"struct{}", handSizes[struct{}], [3]int{1, 64, 64}},
		{"int32", handSizes[int32], [3]int{1, 64, 64}},
		{"64 B", handSizes[[64]byte], [3]int{1, 64, 64}},
		{"100 B", handSizes[[100]byte], [3]int{1, 40, 40}},
		{"4 KiB", handSizes[[4096]byte], [3]int{1, 1, 1}},
		{"60 KB", handSizes[[60_000]byte], [3]int{1, 1, 1}},
	} {
		if got := test.got(1, 500, 1); !slices.Equal(got, test.want[:]) {
			t.Errorf("%s: the hand has room for %v values behind batches of 1, 500 and 1, want %v", test.name, got, test.want)
		}
	}
	if got, want := handSizes[int](1, 2, 3, 4, 5, 20, 33), []int{1, 2, 4, 4, 8, 20, 40}; !slices.Equal(got, want) {
		t.Errorf("the hand grows to %v, want %v", got, want)
	}
}

// handSizes reads such batches and returns how large the hand is behind each.
func handSizes[T any](batches ...int) (sizes []int) {
	log := replay.New[T](replay.Options{})
	c := log.Cursor(sluice.Oldest())
	defer c.Close()
	for _, n := range batches {
		log.AppendAll(context.Background(), make([]T, n))
		for range n {
			if _, ok, err := c.TryNext(); !ok {
				panic(errors.Join(errors.New("nothing to read"), err))
			}
		}
		c.TryNext() // whatever the log lends at once
		sizes = append(sizes, sluice.HandSize(c))
	}
	return sizes
}

// What is left in the hand is a batch of its own, from memory that appending to it does not reach.
func TestBatchesBehindNext(t *testing.T) {
	const n = 150
	_, c := numbers(t, n)
	for next := range n {
		c.Seek(sluice.Oldest())
		wantNext(t, c, slices.Collect(count(next))...)
		for next < n {
			batch, err := c.TryBatch()
			if err != nil || len(batch) == 0 || cap(batch) != len(batch) {
				t.Fatalf("TryBatch() = %d values with room for %d, %v, want some without more room, nil", len(batch), cap(batch), err)
			}
			if want := slices.Collect(count(next + len(batch)))[next:]; !slices.Equal(batch, want) {
				t.Fatalf("TryBatch() = %v, want %v", batch, want)
			}
			if next += len(batch); int(c.Offset()) != next {
				t.Fatalf("Offset() = %v, want %v", c.Offset(), next)
			}
		}
	}
}
