package chanx_test

import (
	"context"
	"testing"

	"github.com/sluice-go/sluice/chanx"
)

// An operation is a full buffer, sent and received again, so nothing blocks. bench/helpers compares in one run.
func BenchmarkSend(b *testing.B) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	b.Run("bare", func(b *testing.B) {
		b.ReportAllocs()
		ch := make(chan int, 1024)
		for b.Loop() {
			for i := range cap(ch) {
				ch <- i
			}
			for range cap(ch) {
				<-ch
			}
		}
	})
	b.Run("chanx", func(b *testing.B) {
		b.ReportAllocs()
		ch := make(chan int, 1024)
		for b.Loop() {
			for i := range cap(ch) {
				chanx.Send(ctx, ch, i)
			}
			for range cap(ch) {
				<-ch
			}
		}
	})
}

func BenchmarkAll(b *testing.B) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	b.Run("bare", func(b *testing.B) {
		b.ReportAllocs()
		ch := make(chan int, 1024)
		for b.Loop() {
			for i := range cap(ch) {
				ch <- i
			}
			n := 0
			for v := range ch {
				if n += v; v == cap(ch)-1 {
					break
				}
			}
		}
	})
	b.Run("chanx", func(b *testing.B) {
		b.ReportAllocs()
		ch := make(chan int, 1024)
		for b.Loop() {
			for i := range cap(ch) {
				ch <- i
			}
			n := 0
			for v := range chanx.All(ctx, ch) {
				if n += v; v == cap(ch)-1 {
					break
				}
			}
		}
	})
}
