package diskq_test

import (
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/diskq"
)

func roundTrip[T any](t *testing.T, codec diskq.Codec[T], vs ...T) {
	t.Helper()
	q, err := diskq.Open(dir, codec, diskq.On(diskq.Options{}, newMem()))
	must(t, err)
	defer q.Close()
	if _, err := q.AppendAll(t.Context(), vs); err != nil {
		t.Fatal(err)
	}
	for _, v := range vs {
		if _, err := q.Append(t.Context(), v); err != nil {
			t.Fatal(err)
		}
	}
	c := q.Cursor(sluice.Oldest())
	defer c.Close()
	for _, want := range append(vs, vs...) {
		if v, err := c.Next(t.Context()); !reflect.DeepEqual(v, want) || err != nil {
			t.Errorf("Next() = %v, %v, want %v", v, err, want)
		}
	}
}

type point struct {
	X, Y int
	Name string
}

func TestCodecs(t *testing.T) {
	roundTrip(t, diskq.Bytes(), []byte("a"), []byte{}, []byte{0, 255})
	roundTrip(t, diskq.String(), "a", "", "ü\x00")
	roundTrip(t, diskq.JSON[point](), point{1, 2, "a"}, point{})
	roundTrip(t, diskq.JSON[map[string]int](), map[string]int{"a": 1}, nil)
	roundTrip(t, diskq.Gob[point](), point{1, 2, "a"}, point{})
	roundTrip(t, diskq.Binary[time.Time](), time.Unix(1, 2).UTC(), time.Time{})
	roundTrip(t, diskq.Varint[int](), 0, 1, -1, math.MaxInt, math.MinInt)
	roundTrip(t, diskq.Varint[uint64](), 0, 1, math.MaxUint64)
	roundTrip(t, diskq.Varint[int8](), -128, 127)
}

// A value that the codec can't make anything of costs itself alone.
func TestDecodeErrorIsAGap(t *testing.T) {
	m := newMem()
	q, err := diskq.Open(dir, anonymous[int64]{diskq.Varint[int64]()}, diskq.On(diskq.Options{}, m))
	must(t, err)
	for _, v := range []int64{1, 300, 2} {
		if _, err := q.Append(t.Context(), v); err != nil {
			t.Fatal(err)
		}
	}
	must(t, q.Close())
	small, err := diskq.Open(dir, anonymous[int8]{diskq.Varint[int8]()}, diskq.On(diskq.Options{}, m))
	must(t, err)
	defer small.Close()
	c := small.Cursor(sluice.Oldest())
	defer c.Close()
	var got []int8
	var gaps []error
	for v, err := range c.Entries(t.Context()) {
		if err != nil {
			gaps = append(gaps, err)
			continue
		}
		if got = append(got, v.Value); len(got) == 2 {
			break
		}
	}
	gap := (*sluice.CorruptError)(nil)
	if len(gaps) != 1 || !errors.As(gaps[0], &gap) || gap.From != 1 || gap.To != 2 || got[0] != 1 || got[1] != 2 {
		t.Errorf("got %v and %v, want 1, 2 and a gap [1, 2)", got, gaps)
	}
	if !errors.Is(gaps[0], diskq.ErrDecode) {
		t.Errorf("the gap is %v, want one that wraps ErrDecode", gaps[0])
	}
	if report, err := diskq.InspectOn(m, dir); err != nil || len(report.Damage) > 0 {
		t.Errorf("Inspect() tells of %v, %v, want none: it decodes nothing", report.Damage, err)
	}
}

// anonymous hides a codec's name.
type anonymous[T any] struct{ diskq.Codec[T] }

// panics is a codec that does so on one value.
type panics struct{ diskq.Codec[string] }

func (panics) Decode(src []byte) (string, error) {
	if string(src) == "boom" {
		panic("boom")
	}
	return string(src), nil
}

func TestPanicInDecodeLosesNothing(t *testing.T) {
	q, err := diskq.Open(dir, diskq.Codec[string](panics{diskq.String()}), diskq.On(diskq.Options{}, newMem()))
	must(t, err)
	defer q.Close()
	add(t, q, "a", "b", "boom", "c")
	c := q.Cursor(sluice.Oldest())
	defer c.Close()
	for range 2 {
		func() {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			c.Next(t.Context())
		}()
		if c.Offset() != 0 || c.Missed() != 0 {
			t.Fatalf("the cursor is at %d after a panic, and missed %d, want 0 and 0", c.Offset(), c.Missed())
		}
	}
	must(t, c.Seek(sluice.At(3)))
	if v, err := c.Next(t.Context()); v != "c" || err != nil {
		t.Errorf("Next() = %q, %v, want c", v, err)
	}
}

func TestEncodeErrors(t *testing.T) {
	q, err := diskq.Open(dir, diskq.JSON[any](), diskq.On(diskq.Options{}, newMem()))
	must(t, err)
	defer q.Close()
	if _, err := q.Append(t.Context(), func() {}); err == nil || !strings.Contains(err.Error(), "encode") {
		t.Errorf("Append() of a function = %v, want an error", err)
	}
	if _, err := q.AppendAll(t.Context(), []any{1, func() {}}); err == nil {
		t.Error("AppendAll() of a function = nil, want an error")
	}
	if _, next := q.Bounds(); next != 0 {
		t.Errorf("Bounds() = _, %d, want 0", next)
	}
}
