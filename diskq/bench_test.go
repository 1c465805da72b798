package diskq_test

import (
	"bytes"
	"fmt"
	"sync"
	"testing"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/diskq"
)

func openBytes(b *testing.B, d diskq.Durability) *diskq.DiskQueue[[]byte] {
	return openCodec(b, diskq.Bytes(), d)
}

func openCodec(b *testing.B, codec diskq.Codec[[]byte], d diskq.Durability) *diskq.DiskQueue[[]byte] {
	q, err := diskq.Open(b.TempDir(), codec, diskq.Options{Durability: d})
	must(b, err)
	b.Cleanup(func() { q.Close() })
	return q
}

func BenchmarkAppend(b *testing.B) {
	for _, d := range []diskq.Durability{diskq.Buffered, diskq.Written, diskq.Durable} {
		b.Run(d.String(), func(b *testing.B) {
			q := openBytes(b, d)
			p := bytes.Repeat([]byte("x"), 100)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := q.Append(ctxBackground, p); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// The time is for each value, appended by 64 writers at once.
func BenchmarkDurableWriters(b *testing.B) {
	for _, writers := range []int{8, 64} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			q := openBytes(b, diskq.Durable)
			p := bytes.Repeat([]byte("x"), 100)
			var wg sync.WaitGroup
			for w := range writers {
				wg.Go(func() {
					for range (b.N + w) / writers {
						if _, err := q.Append(ctxBackground, p); err != nil {
							b.Error(err)
						}
					}
				})
			}
			wg.Wait()
			b.ReportMetric(float64(b.N)/float64(q.Stats().Syncs), "values/sync")
		})
	}
}

func BenchmarkRead(b *testing.B) {
	b.Run("bytes", func(b *testing.B) { benchmarkRead(b, diskq.Bytes()) })
	b.Run("lent", func(b *testing.B) { benchmarkRead(b, diskq.LentBytes()) })
}

func benchmarkRead(b *testing.B, codec diskq.Codec[[]byte]) {
	q := openCodec(b, codec, diskq.Buffered)
	p := bytes.Repeat([]byte("x"), 100)
	const n = 1_000_000
	for range n {
		if _, err := q.Append(ctxBackground, p); err != nil {
			b.Fatal(err)
		}
	}
	must(b, q.Sync(ctxBackground))
	b.ReportAllocs()
	b.ResetTimer()
	for done := 0; done < b.N; {
		c := q.Cursor(sluice.Oldest())
		values, why := c.Backlog(ctxBackground)
		for v := range values {
			if len(v) != 100 {
				b.Fatal(len(v))
			}
			if done++; done == b.N {
				break
			}
		}
		must(b, why())
		c.Close()
	}
}
