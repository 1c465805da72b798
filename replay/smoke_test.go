package replay_test

import (
	"context"
	"fmt"
	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/replay"
	"testing"
)

func TestSmoke(t *testing.T) {
	r := replay.New[int](replay.Options{MaxValues: 10000})
	ctx := context.Background()
	for i := range 50000 {
		r.Append(ctx, i)
	}
	c := r.Cursor(sluice.At(0))
	go func() {
		for i := 50000; i < 60000; i++ {
			r.Append(ctx, i)
		}
		r.Close()
	}()
	n := 0
	for v, err := range c.All(ctx) {
		if err != nil {
			fmt.Println(err)
			continue
		}
		n++
		_ = v
	}
	fmt.Println(n, c.Missed(), c.Offset())
}
func BenchmarkAppend(b *testing.B) {
	r := replay.New[int](replay.Options{})
	ctx := context.Background()
	b.ReportAllocs()
	for b.Loop() {
		r.Append(ctx, 1)
	}
}
func BenchmarkAppendKeep(b *testing.B) {
	r := replay.New[int](replay.Options{MaxValues: 100000})
	ctx := context.Background()
	b.ReportAllocs()
	for b.Loop() {
		r.Append(ctx, 1)
	}
}
func BenchmarkAll(b *testing.B) {
	r := replay.New[int](replay.Options{})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for range 1000000 {
		r.Append(ctx, 1)
	}
	r.Close()
	b.ReportAllocs()
	c := r.Cursor(sluice.Oldest())
	for b.Loop() {
		c.Seek(sluice.Oldest())
		s := 0
		for v, err := range c.All(ctx) {
			if err != nil {
				b.Fatal(err)
			}
			s += v
		}
		if s != 1000000 {
			b.Fatal(s)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1e6, "ns/value")
}
func BenchmarkNext(b *testing.B) {
	r := replay.New[int](replay.Options{})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for range 1000000 {
		r.Append(ctx, 1)
	}
	r.Close()
	b.ReportAllocs()
	c := r.Cursor(sluice.Oldest())
	for b.Loop() {
		c.Seek(sluice.Oldest())
		s := 0
		for {
			v, err := c.Next(ctx)
			if err != nil {
				break
			}
			s += v
		}
		if s != 1000000 {
			b.Fatal(s)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1e6, "ns/value")
}
