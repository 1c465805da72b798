package replay_test

import (
	"context"
	"math"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/replay"
)

func appendN(t testing.TB, r *replay.Replay[int], n int) {
	t.Helper()
	for range n {
		_, next := r.Bounds()
		if off, err := r.Append(t.Context(), int(next)); off != next || err != nil {
			t.Fatalf("Append() = %v, %v, want %v, nil", off, err, next)
		}
	}
}

func wantBounds[T any](t testing.TB, r *replay.Replay[T], first, next sluice.Offset) {
	t.Helper()
	if f, n := r.Bounds(); f != first || n != next {
		t.Fatalf("Bounds() = %v, %v, want %v, %v", f, n, first, next)
	}
}

// wantRead reads all that c has now: the values from, from+1, … below to.
func wantRead(t testing.TB, c *sluice.Cursor[int], from, to int) {
	t.Helper()
	for want := from; want < to; want++ {
		if v, ok, err := c.TryNext(); v != want || !ok || err != nil {
			t.Fatalf("TryNext() = %v, %v, %v, want %v, true, nil", v, ok, err, want)
		}
	}
	if v, ok, err := c.TryNext(); ok {
		t.Fatalf("TryNext() = %v, %v, %v, want nothing behind %v", v, ok, err, to-1)
	}
}

func wantLag(t testing.TB, c *sluice.Cursor[int], from, to sluice.Offset) {
	t.Helper()
	_, ok, err := c.TryNext()
	lag, isLag := err.(*sluice.LagError)
	if ok || !isLag || lag.From != from || lag.To != to {
		t.Fatalf("TryNext() = _, %v, %v, want a LagError{%v, %v}", ok, err, from, to)
	}
}

func TestMaxValuesIsExact(t *testing.T) {
	for _, limit := range []int64{1, 2, 15, 16, 17, 100, 5000} {
		r := replay.New[int](replay.Options{MaxValues: limit})
		slow := r.Cursor(sluice.Oldest())
		defer slow.Close()
		for n := int64(1); n <= 3*limit+10; n++ {
			appendN(t, r, 1)
			wantBounds(t, r, sluice.Offset(max(0, n-limit)), sluice.Offset(n))
		}
		first, next := r.Bounds()
		wantLag(t, slow, 0, first)
		wantRead(t, slow, int(first), int(next))
	}
}

func TestMaxValuesWithAppendAll(t *testing.T) {
	r := replay.New[int](replay.Options{MaxValues: 10})
	vs := make([]int, 1000)
	for i := range vs {
		vs[i] = i
	}
	if first, err := r.AppendAll(t.Context(), vs); first != 0 || err != nil {
		t.Fatalf("AppendAll() = %v, %v, want 0, nil", first, err)
	}
	wantBounds(t, r, 990, 1000)
	c := r.Cursor(sluice.Oldest())
	defer c.Close()
	wantRead(t, c, 990, 1000)
}

func TestMaxBytesIsExact(t *testing.T) {
	r := replay.New[string](replay.Options{MaxBytes: 100})
	add := func(n int) {
		if _, err := r.Append(t.Context(), strings.Repeat("x", n)); err != nil {
			t.Fatalf("Append() = _, %v, want nil", err)
		}
	}
	for range 100 {
		add(10)
	}
	wantBounds(t, r, 90, 100)
	add(91) // room for none of the ten-byte ones
	wantBounds(t, r, 100, 101)
	add(9)
	wantBounds(t, r, 100, 102)
	add(1)
	wantBounds(t, r, 101, 103)
	add(1000) // more than the limit: the newest is kept all the same
	wantBounds(t, r, 103, 104)
	add(0)
	wantBounds(t, r, 104, 105)
	r.Trim(105)
	add(100)
	wantBounds(t, r, 105, 106)
}

func TestMaxBytesMeasuresAnyType(t *testing.T) {
	type pic struct{ w, h int64 }
	r := replay.New[pic](replay.Options{MaxBytes: 50, SizeOf: func(p pic) int64 { return p.w * p.h }})
	for range 10 {
		r.AppendAll(t.Context(), []pic{{2, 5}, {3, 5}})
	}
	wantBounds(t, r, 16, 20) // 10+15+10+15
}

func TestMaxAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := replay.New[int](replay.Options{MaxAge: time.Minute})
		appendN(t, r, 3)
		time.Sleep(30 * time.Second)
		appendN(t, r, 2)
		time.Sleep(30*time.Second - 1*time.Nanosecond)
		wantBounds(t, r, 0, 5)
		time.Sleep(1 * time.Nanosecond)
		synctest.Wait() // the timer, with nothing else going on
		wantBounds(t, r, 3, 5)
		time.Sleep(30 * time.Second)
		synctest.Wait()
		wantBounds(t, r, 5, 5)
		appendN(t, r, 1) // the timer starts again
		time.Sleep(time.Minute)
		synctest.Wait()
		wantBounds(t, r, 6, 6)
	})
}

// However values are spread over time, none is dropped before its age, and all within MaxAge/64 after it.
func TestMaxAgeIsNeverEarlyAndSoonExact(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const age = 64 * time.Second
		r := replay.New[int](replay.Options{MaxAge: age})
		var born []time.Time
		check := func() {
			synctest.Wait()
			first, next := r.Bounds()
			if int(next) != len(born) {
				t.Fatalf("Bounds() = _, %v, want %v", next, len(born))
			}
			for i, b := range born {
				old := time.Since(b)
				if sluice.Offset(i) < first && old < age {
					t.Fatalf("value %d was dropped after %v, want %v", i, old, age)
				}
				if sluice.Offset(i) >= first && old > age+age/64 {
					t.Fatalf("value %d is retained after %v, want %v at most", i, old, age+age/64)
				}
			}
		}
		for i := range 3000 {
			time.Sleep(time.Duration(i*i%977) * time.Millisecond)
			appendN(t, r, 1)
			born = append(born, time.Now())
			if i%10 == 0 {
				check()
			}
		}
		time.Sleep(age + age/64)
		check()
		wantBounds(t, r, 3000, 3000)
	})
}

func TestLimitsCombine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := replay.New[string](replay.Options{MaxValues: 5, MaxBytes: 10, MaxAge: time.Second})
		for range 7 {
			r.Append(t.Context(), "a")
		}
		wantBounds(t, r, 2, 7) // by number
		r.Append(t.Context(), "12345678")
		wantBounds(t, r, 5, 8) // by bytes
		time.Sleep(time.Second)
		synctest.Wait()
		wantBounds(t, r, 8, 8) // by age
		r.Append(t.Context(), "1234567890")
		wantBounds(t, r, 8, 9)
	})
}

func TestTrim(t *testing.T) {
	r := replay.New[int](replay.Options{})
	appendN(t, r, 100)
	c := r.Cursor(sluice.At(10))
	defer c.Close()
	r.Trim(-5)
	wantBounds(t, r, 0, 100)
	r.Trim(20)
	wantBounds(t, r, 20, 100)
	r.Trim(7)
	wantBounds(t, r, 20, 100)
	wantLag(t, c, 10, 20)
	wantRead(t, c, 20, 100)
	r.Trim(1000)
	wantBounds(t, r, 100, 100)
	appendN(t, r, 5)
	wantBounds(t, r, 100, 105)
	wantRead(t, c, 100, 105)
	if got := c.Missed(); got != 10 {
		t.Errorf("Missed() = %v, want 10", got)
	}
}

func TestBadOptionsPanic(t *testing.T) {
	for _, test := range []struct {
		o    replay.Options
		want string
	}{
		{replay.Options{MaxValues: -1}, "MaxValues must be at least 0, got -1"},
		{replay.Options{MaxBytes: -2}, "MaxBytes must be at least 0, got -2"},
		{replay.Options{MaxAge: -3}, "MaxAge must be at least 0, got -3ns"},
		{replay.Options{MaxBytes: 1}, "MaxBytes needs SizeOf, a func(int) int64"},
		{replay.Options{MaxBytes: 1, SizeOf: func(string) int64 { return 0 }}, "SizeOf must be a func(int) int64, got func(string) int64"},
	} {
		func() {
			defer func() {
				if got, _ := recover().(string); !strings.Contains(got, test.want) {
					t.Errorf("New(%+v) panics with %q, want %q", test.o, got, test.want)
				}
			}()
			replay.New[int](test.o)
		}()
	}
}

// A SizeOf that panics is a caller's bug, and must not lock others out, whoever it hits.
func TestSizeOfPanics(t *testing.T) {
	bad := false
	r := replay.New[int](replay.Options{MaxBytes: 3, SizeOf: func(int) int64 {
		if bad {
			panic("no size")
		}
		return 1
	}})
	appendN(t, r, 3)
	for name, call := range map[string]func(){
		"Append":    func() { r.Append(t.Context(), 3) },
		"AppendAll": func() { r.AppendAll(t.Context(), []int{3, 4}) },
		"Trim":      func() { r.Trim(1) },
	} {
		func() {
			bad = true
			defer func() {
				if recover() == nil {
					t.Errorf("%s does not panic", name)
				}
				bad = false
			}()
			call()
		}()
		wantBounds(t, r, 0, 3)
	}
	appendN(t, r, 1)
	wantBounds(t, r, 1, 4)
}

func TestHugeSizes(t *testing.T) {
	r := replay.New[int](replay.Options{MaxBytes: 10, SizeOf: func(int) int64 { return math.MaxInt64 }})
	for range 100 {
		appendN(t, r, 1)
	}
	r.AppendAll(t.Context(), []int{100, 101, 102})
	wantBounds(t, r, 102, 103)
}

func TestTrimAfterClose(t *testing.T) {
	r := replay.New[int](replay.Options{})
	appendN(t, r, 3)
	r.Close()
	r.Trim(3)
	if _, err := r.Append(t.Context(), 3); err != sluice.ErrClosed {
		t.Errorf("Append() = _, %v, want ErrClosed", err)
	}
	wantBounds(t, r, 3, 3)
}

// Whoever looks at the bounds while a batch far over the limit is appended sees them right, and never fewer values than
// the limit once there were as many.
func TestBoundsWhileAppending(t *testing.T) {
	const limit = 10
	r := replay.New[int](replay.Options{MaxValues: limit})
	r.AppendAll(t.Context(), make([]int, limit))
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		defer cancel()
		for range 2000 {
			r.AppendAll(t.Context(), make([]int, 1000))
		}
	})
	var before sluice.Offset
	for ctx.Err() == nil {
		first, next := r.Bounds()
		if first < before || next-first < limit {
			t.Errorf("Bounds() = %v, %v after first was %v, want at least %d values", first, next, before, limit)
		}
		before = first
	}
	wg.Wait()
}

// A SizeOf that panics on an old value while a new one is appended: the new one is there, and readers hear of it.
func TestSizeOfPanicsOnAnOldValue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bad := false
		r := replay.New[int](replay.Options{MaxBytes: 1, SizeOf: func(v int) int64 {
			if bad && v == 0 {
				panic("no size")
			}
			return 1
		}})
		appendN(t, r, 1)
		c := r.Cursor(sluice.Newest())
		defer c.Close()
		got := make(chan int, 1)
		go func() {
			v, _ := c.Next(context.Background())
			got <- v
		}()
		synctest.Wait()
		bad = true
		func() {
			defer func() { recover() }()
			r.Append(t.Context(), 1)
		}()
		bad = false
		if v := <-got; v != 1 {
			t.Errorf("Next() = %v, want 1", v)
		}
		appendN(t, r, 1)
		wantBounds(t, r, 2, 3)
	})
}
