package sluice_test

import (
	"context"
	"iter"
	"testing"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/replay"
)

const benchValues = 100_000

// benchRead reads a finished log again and again; read returns how many values it got.
func benchRead(b *testing.B, read func(ctx context.Context, c *sluice.Cursor[int]) int) {
	log := replay.New[int](replay.Options{})
	log.AppendAll(b.Context(), make([]int, benchValues))
	log.Close()
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	c := log.Cursor(sluice.Oldest())
	defer c.Close()
	b.ReportAllocs()
	for b.Loop() {
		c.Seek(sluice.Oldest())
		if n := read(ctx, c); n != benchValues {
			b.Fatalf("read %d values, want %d", n, benchValues)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchValues, "ns/value")
}

func BenchmarkAll(b *testing.B) {
	benchRead(b, func(ctx context.Context, c *sluice.Cursor[int]) (n int) {
		for _, err := range c.All(ctx) {
			if err != nil {
				b.Fatal(err)
			}
			n++
		}
		return n
	})
}

func BenchmarkEntries(b *testing.B) {
	benchRead(b, func(ctx context.Context, c *sluice.Cursor[int]) (n int) {
		for _, err := range c.Entries(ctx) {
			if err != nil {
				b.Fatal(err)
			}
			n++
		}
		return n
	})
}

func BenchmarkBacklog(b *testing.B) {
	benchRead(b, func(ctx context.Context, c *sluice.Cursor[int]) (n int) {
		values, why := c.Backlog(ctx)
		for range values {
			n++
		}
		if err := why(); err != nil {
			b.Fatal(err)
		}
		return n
	})
}

func BenchmarkBatches(b *testing.B) {
	benchRead(b, func(ctx context.Context, c *sluice.Cursor[int]) (n int) {
		for batch, err := range c.Batches(ctx) {
			if err != nil {
				b.Fatal(err)
			}
			for range batch {
				n++
			}
		}
		return n
	})
}

func BenchmarkNext(b *testing.B) {
	benchRead(b, func(ctx context.Context, c *sluice.Cursor[int]) (n int) {
		for {
			if _, err := c.Next(ctx); err != nil {
				return n
			}
			n++
		}
	})
}

func BenchmarkChan(b *testing.B) {
	benchRead(b, func(ctx context.Context, c *sluice.Cursor[int]) (n int) {
		values, stop := c.Chan(ctx, 64)
		for range values {
			n++
		}
		if err := stop(); err != nil {
			b.Fatal(err)
		}
		return n
	})
}

// words are values of different sizes.
type words interface {
	[1]int64 | [8]int64 | [32]int64 | [128]int64
}

// BenchmarkSizes is what the size of a value costs each way of reading. "as a value" is a loop that the compiler can't inline.
func BenchmarkSizes(b *testing.B) {
	b.Run("8", benchSize[[1]int64])
	b.Run("64", benchSize[[8]int64])
	b.Run("256", benchSize[[32]int64])
	b.Run("1024", benchSize[[128]int64])
}

func benchSize[T words](b *testing.B) {
	const n = 10_000
	log := replay.New[T](replay.Options{})
	log.AppendAll(b.Context(), make([]T, n))
	log.Close()
	for _, way := range []struct {
		name string
		sum  func(context.Context, *sluice.Cursor[T]) int64
	}{{"All", sumAll[T]}, {"All as a value", sumValue[T]}, {"Next", sumNext[T]}, {"Batches", sumBatches[T]}} {
		b.Run(way.name, func(b *testing.B) {
			c := log.Cursor(sluice.Oldest())
			defer c.Close()
			ctx := b.Context()
			for b.Loop() {
				c.Seek(sluice.Oldest())
				if sum := way.sum(ctx, c); sum != 0 || c.Offset() != n {
					b.Fatalf("the sum is %d at %d, want 0 at %d", sum, c.Offset(), n)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/value")
		})
	}
}

func sumAll[T words](ctx context.Context, c *sluice.Cursor[T]) (sum int64) {
	for v, err := range c.All(ctx) {
		if err != nil {
			return -1
		}
		sum += v[0]
	}
	return sum
}

func sumValue[T words](ctx context.Context, c *sluice.Cursor[T]) (sum int64) {
	loop := []iter.Seq2[T, error]{c.All(ctx)}
	for v, err := range loop[sum] {
		if err != nil {
			return -1
		}
		sum += v[0]
	}
	return sum
}

func sumNext[T words](ctx context.Context, c *sluice.Cursor[T]) (sum int64) {
	for {
		v, err := c.Next(ctx)
		if err != nil {
			return sum
		}
		sum += v[0]
	}
}

func sumBatches[T words](ctx context.Context, c *sluice.Cursor[T]) (sum int64) {
	for batch, err := range c.Batches(ctx) {
		if err != nil {
			return -1
		}
		for i := range batch {
			sum += batch[i][0]
		}
	}
	return sum
}
