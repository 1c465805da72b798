package ring_test

import (
	"context"
	"testing"

	"github.com/sluice-go/sluice/ring"
)

// Rivals, and readers, are in the module bench.
func BenchmarkAppend(b *testing.B) {
	for _, row := range []struct {
		name string
		o    ring.Options
	}{
		{"Overwrite", ring.Options{}},
		{"Overwrite, SingleWriter", ring.Options{SingleWriter: true}},
		{"Gated", ring.Options{Policy: ring.Gated}},
		{"Gated, SingleWriter", ring.Options{Policy: ring.Gated, SingleWriter: true}},
	} {
		b.Run(row.name, func(b *testing.B) {
			r := ring.New[int](1024, row.o)
			ctx := context.Background()
			b.ReportAllocs()
			for b.Loop() {
				r.Append(ctx, 1)
			}
		})
	}
}
