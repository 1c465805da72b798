package replay_test

import (
	"context"
	"runtime"
	"runtime/debug"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/replay"
)

func heapInUse() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// A reader that stalls in the middle of a chunk holds that chunk, and none of the millions of values behind it.
func TestStalledReaderPinsOneChunk(t *testing.T) {
	r := replay.New[int64](replay.Options{MaxValues: 10_000})
	fill := func(n int64) {
		for i := range n {
			r.Append(context.Background(), i)
		}
	}
	fill(20_000)
	limited := heapInUse() // the log at its limit
	const stalled = 4
	var curs [stalled]*sluice.Cursor[int64]
	for i := range curs {
		curs[i] = r.Cursor(sluice.Oldest())
		if _, err := curs[i].Next(t.Context()); err != nil {
			t.Fatalf("Next() = _, %v, want nil", err)
		}
		fill(500_000) // so each stalls in a chunk of its own
	}
	held := heapInUse() - limited
	const chunk = 32 << 10
	if held > stalled*chunk+256<<10 {
		t.Errorf("%d stalled readers hold %d KiB, want about one chunk of %d KiB each", stalled, held>>10, chunk>>10)
	}
	for i := range curs {
		first, _ := r.Bounds()
		if _, ok, err := curs[i].TryNext(); !ok { // the rest of its batch is still there
			t.Errorf("TryNext() = _, %v, %v, want a value", ok, err)
		}
		for _, err := range curs[i].All(t.Context()) {
			if lag, ok := err.(*sluice.LagError); ok && lag.To == first {
				break
			} else if err != nil {
				t.Fatalf("All() yields %v, want a gap up to %v", err, first)
			}
		}
		curs[i].Close()
	}
	runtime.KeepAlive(r)
}

// What Trim drops is freed, though the log is idle and a reader waits at its end.
func TestTrimFreesValues(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := replay.New[*[1 << 20]byte](replay.Options{})
		c := r.Cursor(sluice.Oldest())
		before := heapInUse()
		go func() {
			for _, err := range c.All(context.Background()) {
				if err != nil {
					t.Errorf("All() yields %v, want none", err)
				}
			}
		}()
		for range 20 {
			r.Append(t.Context(), new([1 << 20]byte))
		}
		synctest.Wait()
		r.Trim(20)
		synctest.Wait()
		if held := heapInUse() - before; held > 2<<20 {
			t.Errorf("the trimmed log holds %d MiB, want none", held>>20)
		}
		r.Close()
	})
}

func TestAppendAllocatesOncePerChunk(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	r := replay.New[int64](replay.Options{})
	for len(replay.ChunkSizes(r)) < 6 {
		r.Append(t.Context(), 1)
	}
	size := slices.Max(replay.ChunkSizes(r))
	got := testing.AllocsPerRun(10, func() { // each run begins and ends at the same place in a chunk
		for range size {
			r.Append(context.Background(), 1)
		}
	})
	if got > 1 {
		t.Errorf("%d appends, one chunk, allocate %v times, want 1", size, got)
	}
	batch := make([]int64, size)
	got = testing.AllocsPerRun(10, func() { r.AppendAll(context.Background(), batch) })
	if got > 1 {
		t.Errorf("AppendAll of one chunk allocates %v times, want 1", got)
	}
}

func TestReadingAllocatesNothing(t *testing.T) {
	r := replay.New[int64](replay.Options{})
	r.AppendAll(t.Context(), make([]int64, 1_000_000))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	c := r.Cursor(sluice.Oldest())
	defer c.Close()
	all, batches := c.All(ctx), c.Batches(ctx)
	values, _ := c.Values(ctx)
	entries := c.Entries(ctx)
	backlog, _ := c.Backlog(ctx)
	byChan := r.Cursor(sluice.Oldest())
	defer byChan.Close()
	ch, stop := byChan.Chan(ctx, 64)
	defer stop()
	n := 0
	untilFull := func(int64) bool { n++; return n%5000 != 0 }
	for name, read := range map[string]func(){
		"Next":    func() { c.Next(ctx) },
		"TryNext": func() { c.TryNext() },
		"Seek":    func() { c.Seek(sluice.At(5)) },
		"All":     func() { takeTwo(all, 5000) },
		"Batches": func() { takeTwo(batches, 2) },
		"Values":  func() { values(untilFull) },
		"Entries": func() { takeTwo(entries, 5000) },
		"Backlog": func() { c.Seek(sluice.Oldest()); backlog(untilFull) },
		"Chan":    func() { <-ch },
	} {
		if got := testing.AllocsPerRun(20, read); got != 0 {
			t.Errorf("%s allocates %v times, want 0", name, got)
		}
	}
}

func takeTwo[A, B any](seq func(func(A, B) bool), n int) {
	for range seq {
		if n--; n == 0 {
			break
		}
	}
}

// Tailing, where every value is waited for, allocates nothing either, on both sides.
func TestTailingAllocatesNothing(t *testing.T) {
	there, back := replay.New[int](replay.Options{MaxValues: 100}), replay.New[int](replay.Options{MaxValues: 100})
	done := make(chan struct{})
	go func() {
		defer close(done)
		c := there.Cursor(sluice.Oldest())
		defer c.Close()
		for v, err := range c.All(t.Context()) {
			if err != nil {
				t.Errorf("All() yields %v, want none", err)
			}
			back.Append(t.Context(), v)
		}
	}()
	c := back.Cursor(sluice.Oldest())
	defer c.Close()
	got := testing.AllocsPerRun(500, func() {
		there.Append(t.Context(), 1)
		c.Next(t.Context())
	})
	there.Close()
	<-done
	if got > 0.25 { // a chunk for each log now and then: 2/15 at this limit
		t.Errorf("a value there and back allocates %v times, want 0 and a chunk now and then", got)
	}
}

func TestSmallLimitMeansSmallChunks(t *testing.T) {
	r := replay.New[int](replay.Options{MaxValues: 1000})
	appendN(t, r, 10_000)
	total := 0
	for _, size := range replay.ChunkSizes(r) {
		total += size
	}
	if total > 1500 {
		t.Errorf("a log of 1000 values holds %d slots, want at most half as many more", total)
	}
}

// Dropped values lie in their chunk until that goes, so the chunks of a log that is limited by bytes or age hold no more
// than a part of the limit, however few values that is.
func TestLimitsBoundMemory(t *testing.T) {
	const size = 64 << 10
	for name, test := range map[string]struct {
		o     replay.Options
		batch int
	}{
		"MaxBytes":            {replay.Options{MaxBytes: 1 << 20}, 1},
		"MaxBytes, AppendAll": {replay.Options{MaxBytes: 1 << 20}, 50},
		"MaxAge":              {replay.Options{MaxAge: time.Second}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := replay.New[[]byte](test.o)
				before := heapInUse()
				for range 3000 / test.batch {
					vs := make([][]byte, test.batch)
					for i := range vs {
						vs[i] = make([]byte, size)
					}
					if test.batch == 1 {
						r.Append(context.Background(), vs[0])
					} else {
						r.AppendAll(context.Background(), vs)
					}
					time.Sleep(100 * time.Millisecond)
				}
				held := heapInUse() - before
				if first, next := r.Bounds(); held > 3<<20 || first == next {
					t.Errorf("the log holds %d KiB for %d values of %d KiB, want at most 3072", held>>10, next-first, size>>10)
				}
			})
		})
	}
}

// An age that empties the log frees its values, though a reader waits at its end.
func TestAgeFreesValues(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := replay.New[*[1 << 20]byte](replay.Options{MaxAge: time.Minute})
		c := r.Cursor(sluice.Oldest())
		before := heapInUse()
		go func() {
			for _, err := range c.All(context.Background()) {
				if err != nil {
					t.Errorf("All() yields %v, want none", err)
				}
			}
		}()
		for range 14 { // all in the first chunk
			r.Append(t.Context(), new([1 << 20]byte))
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if held := heapInUse() - before; held > 2<<20 {
			t.Errorf("the log holds %d MiB after all of it was too old", held>>20)
		}
		r.Close()
	})
}

// A burst, a long pause and one value more: the value must not keep the burst in memory.
func TestAgeFreesABurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := replay.New[[]byte](replay.Options{MaxAge: time.Hour})
		before := heapInUse()
		for range 825 {
			r.Append(context.Background(), make([]byte, 64<<10))
		}
		time.Sleep(55 * time.Minute)
		r.Append(context.Background(), nil)
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if held := heapInUse() - before; held > 2<<20 {
			first, next := r.Bounds()
			t.Errorf("the log holds %d KiB for %d values", held>>10, next-first)
		}
	})
}

// One AppendAll of very many small values and some large ones: the large ones must not lie in one chunk.
func TestMaxBytesWithUnevenValues(t *testing.T) {
	r := replay.New[[]byte](replay.Options{MaxBytes: 1 << 20})
	before := heapInUse()
	vs := make([][]byte, 100_000)
	for i := range vs[:96_000] {
		vs[i] = []byte{1}
	}
	for i := range vs[96_000:] {
		vs[96_000+i] = make([]byte, 16<<10)
	}
	r.AppendAll(t.Context(), vs)
	vs = nil
	r.Append(t.Context(), nil)
	if held := heapInUse() - before; held > 3<<20 {
		first, next := r.Bounds()
		t.Errorf("the log holds %d KiB for %d values, want at most 3072", held>>10, next-first)
	}
	runtime.KeepAlive(r)
}

func TestLimitedAppendAllocatesOncePerChunk(t *testing.T) {
	for name, o := range map[string]replay.Options{
		"MaxValues": {MaxValues: 1000}, "MaxBytes": {MaxBytes: 1000}, "MaxAge": {MaxAge: time.Hour},
	} {
		r := replay.New[string](o)
		for range 20_000 {
			r.Append(t.Context(), "x")
		}
		got := testing.AllocsPerRun(10, func() {
			for range 1000 {
				r.Append(context.Background(), "x")
			}
		})
		if most := 1000.0/60 + 1; got > most { // at these limits the chunks hold 60 and more
			t.Errorf("%s: 1000 appends allocate %v times, want at most %v", name, got, most)
		}
	}
}
