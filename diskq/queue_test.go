package diskq_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/diskq"
	"github.com/sluice-go/sluice/internal/fsx"
)

const dir = "queue"

func newMem() *fsx.Mem { return fsx.NewMem(fsx.MemOptions{}) }

func open(t testing.TB, m fsx.FS, o diskq.Options) *diskq.DiskQueue[string] {
	t.Helper()
	q, err := diskq.Open(dir, diskq.String(), diskq.On(o, m))
	if err != nil {
		t.Fatalf("Open() = %v", err)
	}
	t.Cleanup(func() { q.Close() })
	return q
}

func add(t testing.TB, q *diskq.DiskQueue[string], vs ...string) {
	t.Helper()
	for _, v := range vs {
		if _, err := q.Append(t.Context(), v); err != nil {
			t.Fatalf("Append() = %v", err)
		}
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A reading is what a cursor got of everything that is there.
type reading struct {
	values map[sluice.Offset]string
	gaps   []*sluice.CorruptError
	next   sluice.Offset
}

// readAll reads what is retained. It fails on anything but values and damage.
func readAll(q sluice.Source[string]) (reading, error) {
	r := reading{values: map[sluice.Offset]string{}}
	c := q.Cursor(sluice.Oldest())
	defer c.Close()
	for {
		off := c.Offset()
		v, ok, err := c.TryNext()
		var gap *sluice.CorruptError
		switch {
		case errors.As(err, &gap):
			if gap.From != off || gap.To <= gap.From || c.Offset() != gap.To {
				return r, fmt.Errorf("a gap [%d, %d) at offset %d, and then %d", gap.From, gap.To, off, c.Offset())
			}
			r.gaps = append(r.gaps, gap)
		case err != nil:
			return r, err
		case !ok:
			r.next = off
			if _, next := q.Bounds(); off != next {
				return r, fmt.Errorf("nothing to read at offset %d, want more up to %d", off, next)
			}
			return r, nil
		default:
			r.values[off] = v
		}
	}
}

// value is what the tests append as the n-th. Lengths differ, and no value is part of another.
func value(n int) string { return fmt.Sprintf("<%d%s>", n, strings.Repeat("x", n*7%31)) }

func values(n int) []string {
	vs := make([]string, n)
	for i := range vs {
		vs[i] = value(i)
	}
	return vs
}

func TestOpenErrors(t *testing.T) {
	for want, o := range map[string]diskq.Options{
		"Options.Durability is 7":        {Durability: 7},
		"Options.WhenFull is -1":         {WhenFull: -1},
		"Options.SegmentBytes is 4095":   {SegmentBytes: 4095},
		"Options.SegmentBytes is 8193":   {SegmentBytes: 8193, MaxBytes: 8192},
		"Options.MaxBytes is 100":        {MaxBytes: 100},
		"Options.MaxRecordBytes is -5":   {MaxRecordBytes: -5},
		"Options.MaxAge is -1ns":         {MaxAge: -1},
		"Options.MaxRecordBytes is 1073": {MaxRecordBytes: 1 << 30},
	} {
		if _, err := diskq.Open(dir, diskq.String(), diskq.On(o, newMem())); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Open() = %v, want an error with %q", err, want)
		}
	}
	if _, err := diskq.Open[string](dir, nil, diskq.On(diskq.Options{}, newMem())); err == nil {
		t.Error("Open() without a codec = nil, want an error")
	}
	m := newMem()
	q := open(t, m, diskq.Options{})
	must(t, q.Close())
	if _, err := diskq.Open(dir, diskq.Bytes(), diskq.On(diskq.Options{}, m)); err == nil || !strings.Contains(err.Error(), `"string"`) {
		t.Errorf("Open() with another codec = %v, want an error that names both", err)
	}
}

// An empty name is a setting that was forgotten. Nothing is made then.
func TestEmptyName(t *testing.T) {
	m := newMem()
	before := m.Ops()
	_, open := diskq.Open("", diskq.String(), diskq.On(diskq.Options{}, m))
	_, follow := diskq.OpenReader("", diskq.String(), diskq.FollowOn(diskq.ReaderOptions{}, m))
	_, inspect := diskq.InspectOn(m, "")
	for _, err := range []error{open, follow, inspect} {
		if err == nil || !strings.Contains(err.Error(), "name of the queue's directory is empty") {
			t.Errorf("the error is %v, want one that says that the name is empty", err)
		}
	}
	if ops := m.Ops() - before; ops != 0 {
		t.Errorf("%d operations, want none", ops)
	}
}

func TestSecondOpenNamesTheHolder(t *testing.T) {
	d := t.TempDir()
	q, err := diskq.Open(d, diskq.String(), diskq.Options{})
	must(t, err)
	_, err = diskq.Open(d, diskq.String(), diskq.Options{})
	if locked := (*diskq.LockedError)(nil); !errors.As(err, &locked) || locked.PID == 0 || locked.Dir != d {
		t.Errorf("a second Open() = %v, want a *LockedError with the process", err)
	}
	if err := diskq.Destroy(d); !errors.As(err, new(*diskq.LockedError)) {
		t.Errorf("Destroy() of an open queue = %v, want a *LockedError", err)
	}
	must(t, q.Close())
	must(t, diskq.Destroy(d))
	must(t, diskq.Destroy(d))
}

func TestTooLarge(t *testing.T) {
	q := open(t, newMem(), diskq.Options{MaxRecordBytes: 10, MaxBytes: 8192})
	if _, err := q.Append(t.Context(), "0123456789a"); !errors.Is(err, diskq.ErrTooLarge) {
		t.Errorf("Append() = %v, want ErrTooLarge", err)
	}
	if _, err := q.AppendAll(t.Context(), []string{"a", "0123456789a"}); !errors.Is(err, diskq.ErrTooLarge) {
		t.Errorf("AppendAll() = %v, want ErrTooLarge", err)
	}
	many := make([]string, 1000)
	if _, err := q.AppendAll(t.Context(), many); !errors.Is(err, diskq.ErrTooLarge) {
		t.Errorf("AppendAll() of more than MaxBytes = %v, want ErrTooLarge", err)
	}
	if _, next := q.Bounds(); next != 0 {
		t.Errorf("Bounds() = _, %d after refusals, want 0", next)
	}
}

func TestLargeValues(t *testing.T) {
	for _, d := range []diskq.Durability{diskq.Written, diskq.Buffered, diskq.Durable} {
		m := newMem()
		q := open(t, m, diskq.Options{Durability: d, SegmentBytes: 1 << 20})
		var want []string
		for i, n := range []int{0, 1, 256<<10 - 100, 256 << 10, 300 << 10, 5, 1<<20 - 10, 3 << 20, 0, 7} {
			want = append(want, strings.Repeat(string(rune('a'+i)), n))
		}
		add(t, q, want...)
		if _, err := q.AppendAll(t.Context(), want); err != nil {
			t.Fatal(err)
		}
		want = append(want, want...)
		for range 2 {
			r, err := readAll(q)
			must(t, err)
			for i, v := range want {
				if r.values[sluice.Offset(i)] != v {
					t.Errorf("%v: value %d has %d bytes, want %d", d, i, len(r.values[sluice.Offset(i)]), len(v))
				}
			}
			must(t, q.Close())
			q = open(t, m, diskq.Options{Durability: d, SegmentBytes: 1 << 20})
		}
	}
}

func TestEveryPosition(t *testing.T) {
	m := newMem()
	q := open(t, m, diskq.Options{SegmentBytes: 4096})
	const n = 500
	add(t, q, values(n)...)
	check := func(q *diskq.DiskQueue[string]) {
		for i := range n {
			c := q.Cursor(sluice.At(sluice.Offset(i)))
			if v, err := c.Next(t.Context()); v != value(i) || err != nil {
				t.Fatalf("Next() at %d = %q, %v, want %q", i, v, err, value(i))
			}
			c.Close()
		}
	}
	check(q)
	must(t, q.Close())
	check(q)
	check(open(t, m, diskq.Options{}))
}

func TestThousandCursorsShareDescriptors(t *testing.T) {
	m := newMem()
	m.SetMaxOpen(70)
	q := open(t, m, diskq.Options{SegmentBytes: 4096})
	const n = 10_000
	vs := values(n)
	for i := 0; i < n; i += 100 {
		if _, err := q.AppendAll(t.Context(), vs[i:i+100]); err != nil {
			t.Fatal(err)
		}
	}
	if s := q.Stats(); s.Segments < 60 {
		t.Fatalf("%d segments, want more for this test", s.Segments)
	}
	var cursors []*sluice.Cursor[string]
	for i := range 1000 {
		cursors = append(cursors, q.Cursor(sluice.At(sluice.Offset(i*10))))
	}
	for round := range 3 {
		for i, c := range cursors {
			if v, err := c.Next(context.Background()); v != value(i*10+round) || err != nil {
				t.Fatalf("Next() of cursor %d = %q, %v, want %q", i, v, err, value(i*10+round))
			}
		}
	}
	for _, c := range cursors {
		c.Close()
	}
}
