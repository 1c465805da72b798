package replay_test

import (
	"context"
	"testing"
	"time"

	"github.com/sluice-go/sluice/replay"
)

// Rivals are in the module bench.
func BenchmarkAppend(b *testing.B) {
	for _, row := range []struct {
		name string
		o    replay.Options
	}{
		{"all", replay.Options{}},
		{"MaxValues", replay.Options{MaxValues: 10_000}},
		{"MaxBytes", replay.Options{MaxBytes: 80_000, SizeOf: func(int) int64 { return 8 }}},
		{"MaxAge", replay.Options{MaxAge: time.Second}},
	} {
		b.Run(row.name, func(b *testing.B) {
			r := replay.New[int](row.o)
			ctx := context.Background()
			b.ReportAllocs()
			for b.Loop() {
				r.Append(ctx, 1)
			}
		})
	}
}
