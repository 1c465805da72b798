package streams_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/sluice-go/sluice/bench/streams"
)

// An operation of these benchmarks is a whole run of about this many bytes; ns/write is what counts. Home, rival, size and
// readers are keys that benchstat can project on.
const runBytes = 64 << 20

func BenchmarkLive(b *testing.B) {
	for _, home := range []struct {
		name   string
		rivals []streams.Rival
	}{{"memory", streams.InMemory()}, {"file", streams.OnFile()}} {
		for _, r := range home.rivals {
			for _, size := range []int{100, 32 << 10} {
				for _, readers := range []int{1, 4, 16} {
					b.Run(fmt.Sprintf("home=%s/rival=%s/size=%d/readers=%d", home.name, r.Name, size, readers), func(b *testing.B) {
						live(b, r, streams.Run{Writes: runBytes / size, Size: size, Readers: readers, Lent: r.Lent})
					})
				}
			}
		}
	}
}

func live(b *testing.B, r streams.Rival, run streams.Run) {
	b.ReportAllocs()
	dir := b.TempDir()
	var total time.Duration
	for b.Loop() {
		s, err := r.New(dir)
		if err != nil {
			b.Fatal(err)
		}
		d, err := run.Live(s)
		if err != nil {
			b.Fatal(err)
		}
		if err := s.Free(); err != nil {
			b.Fatal(err)
		}
		total += d
	}
	b.ReportMetric(float64(total)/float64(b.N)/float64(run.Writes), "ns/write")
}
