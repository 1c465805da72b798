package sluice_test

import (
	"context"
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
