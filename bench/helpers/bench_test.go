package helpers_test

import (
	"testing"

	"github.com/sluice-go/sluice/bench/helpers"
)

// An operation is a run over a million values.
func BenchmarkChain(b *testing.B) {
	for _, c := range helpers.Chains() {
		b.Run("rival="+c.Name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c.Sum(helpers.Numbers(1_000_000), 500_000)
			}
		})
	}
}

// An operation is the work for ten thousand values.
func BenchmarkParallel(b *testing.B) {
	steps := helpers.Calibrate()
	for _, w := range helpers.Workers() {
		b.Run("rival="+w.Name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := w.Sum(10_000, steps); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// An operation is a channel's capacity, sent and received; one of the two is bare.
func BenchmarkChannel(b *testing.B) {
	for _, s := range helpers.Senders() {
		b.Run("sender="+s.Name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				helpers.TimePairs(1, s.Fill, helpers.Receivers()[0].Sum)
			}
		})
	}
	for _, r := range helpers.Receivers() {
		b.Run("receiver="+r.Name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				helpers.TimePairs(1, helpers.Senders()[0].Fill, r.Sum)
			}
		})
	}
}
