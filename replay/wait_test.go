package replay_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/replay"
)

// Ten thousand readers sleep, use nothing while they do (a bubble with a runnable goroutine would not come to rest), and
// one append reaches them all.
func TestTenThousandIdleReaders(t *testing.T) {
	readers := 10_000
	if testing.Short() {
		readers = 1000
	}
	synctest.Test(t, func(t *testing.T) {
		r := replay.New[int](replay.Options{})
		appendN(t, r, 5)
		var got, ended atomic.Int64
		for range readers {
			go func() {
				c := r.Cursor(sluice.Newest())
				defer c.Close()
				for v, err := range c.All(context.Background()) {
					if v < 5 || err != nil {
						t.Errorf("All() yields %v, %v, want at least 5, nil", v, err)
					}
					got.Add(1)
				}
				ended.Add(1)
			}()
		}
		for round := range int64(5) {
			synctest.Wait()
			if want := round * int64(readers); got.Load() != want {
				t.Fatalf("after %d appends the readers got %d values, want %d", round, got.Load(), want)
			}
			appendN(t, r, 1)
		}
		r.Close()
		synctest.Wait()
		if ended.Load() != int64(readers) {
			t.Errorf("Close ended %d of %d readers", ended.Load(), readers)
		}
	})
}

// Writers and readers at full speed, with a limit that readers lag behind: what a reader got and what it missed add up.
func TestManyWritersManyReaders(t *testing.T) {
	const writers, readers, each = 4, 4, 20_000
	for name, o := range map[string]replay.Options{"all": {}, "limited": {MaxValues: 300}, "tiny": {MaxValues: 1}} {
		t.Run(name, func(t *testing.T) {
			r := replay.New[[2]int](o)
			var writing, reading sync.WaitGroup
			for range readers {
				c := r.Cursor(sluice.Oldest())
				reading.Go(func() {
					defer c.Close()
					var last [writers]int
					received := int64(0)
					for v, err := range c.All(t.Context()) {
						if _, lag := err.(*sluice.LagError); lag {
							continue
						} else if err != nil {
							t.Errorf("All() yields %v, want values and gaps", err)
							return
						}
						if last[v[0]] >= v[1] {
							t.Errorf("value %d of writer %d came behind its value %d", v[1], v[0], last[v[0]])
						}
						last[v[0]] = v[1]
						received++
					}
					if received+c.Missed() != writers*each || name == "all" && c.Missed() != 0 {
						t.Errorf("received %d + missed %d, want %d", received, c.Missed(), writers*each)
					}
				})
			}
			for w := range writers {
				writing.Go(func() {
					for i := 1; i <= each; i++ {
						if i%10 == 0 && i+3 <= each {
							r.AppendAll(t.Context(), [][2]int{{w, i}, {w, i + 1}, {w, i + 2}})
							i += 2
							continue
						}
						r.Append(t.Context(), [2]int{w, i})
					}
				})
			}
			writing.Wait()
			r.Close()
			reading.Wait()
		})
	}
}
