package diskq_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/diskq"
	"github.com/sluice-go/sluice/internal/fsx"
	"pgregory.net/rapid"
)

func follow(t testing.TB, m fsx.FS) *diskq.Reader[string] {
	t.Helper()
	r, err := diskq.OpenReader(dir, diskq.String(), diskq.FollowOn(diskq.ReaderOptions{}, m))
	must(t, err)
	t.Cleanup(func() { r.Close() })
	return r
}

// A follower gets everything, in order, through rolls, trims and closing of the writer.
func TestFollow(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		d := diskq.Durability(rapid.IntRange(0, 2).Draw(rt, "durability"))
		script := rapid.SliceOfN(rapid.SampledFrom([]string{
			"append", "append", "batch", "sleep", "reopen", "trim",
		}), 1, 60).Draw(rt, "script")
		var err error
		synctest.Test(t, func(t *testing.T) { err = followScript(t, d, script) })
		if err != nil {
			rt.Fatal(err)
		}
	})
}

func followScript(t *testing.T, d diskq.Durability, script []string) error {
	o := diskq.Options{Durability: d, SegmentBytes: 4096}
	m := mapping()
	q, err := diskq.Open(dir, diskq.String(), diskq.On(o, m))
	if err != nil {
		return err
	}
	defer func() { q.Close() }()
	r, err := diskq.OpenReader(dir, diskq.String(), diskq.FollowOn(diskq.ReaderOptions{}, m))
	if err != nil {
		return err
	}
	defer r.Close()
	c := r.Cursor(sluice.Oldest())
	defer c.Close()
	n, got := 0, 0
	for i, s := range script {
		switch s {
		case "append":
			_, err = q.Append(t.Context(), value(n))
			n++
		case "batch":
			vs := make([]string, 40)
			for i := range vs {
				vs[i] = value(n)
				n++
			}
			_, err = q.AppendAll(t.Context(), vs)
		case "sleep":
			if got, err = catchUp(t, c, got, n); err == nil && got != n {
				err = fmt.Errorf("the follower is at %d after two seconds, want %d", got, n)
			}
		case "reopen":
			err = q.Close()
			if err == nil {
				q, err = diskq.Open(dir, diskq.String(), diskq.On(o, m))
			}
		case "trim":
			err = q.Trim(sluice.Offset(n / 2))
		}
		if err != nil {
			return fmt.Errorf("step %d of %v: %w", i, script, err)
		}
	}
	if got, err = catchUp(t, c, got, n); err == nil && got != n {
		err = fmt.Errorf("the follower ends at %d, want %d", got, n)
	}
	return err
}

// catchUp reads for two seconds.
func catchUp(t *testing.T, c *sluice.Cursor[string], got, n int) (int, error) {
	ctx, cancel := context.WithTimeoutCause(t.Context(), 2*time.Second, errTired)
	defer cancel()
	for e, err := range c.Entries(ctx) {
		lag := (*sluice.LagError)(nil)
		switch {
		case errors.Is(err, errTired):
			return got, nil
		case errors.As(err, &lag):
			got = int(lag.To)
		case err != nil:
			return got, err
		case int(e.Offset) != got || e.Value != value(got):
			return got, fmt.Errorf("value %d = %q, want %d, %q", e.Offset, e.Value, got, value(got))
		default:
			got++
		}
	}
	return got, nil
}

var errTired = errors.New("waited long enough")

// Of a durable queue a follower sees nothing that a power cut could take back: a value when the next append, or the sync point
// that comes 10 ms behind, says that it is synced.
func TestFollowDurable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMem()
		q := open(t, m, diskq.Options{Durability: diskq.Durable})
		r := follow(t, m)
		add(t, q, "a")
		add(t, q, "b")
		if _, next := r.Bounds(); next != 1 {
			t.Errorf("Bounds() = _, %d, want 1: nothing in the file says yet that the second is synced", next)
		}
		time.Sleep(20 * time.Millisecond)
		if _, next := r.Bounds(); next != 2 {
			t.Errorf("Bounds() = _, %d, want 2: the sync point is there", next)
		}
	})
}

// A new writer begins a new segment under the name of an empty one.
func TestFollowAfterAnEmptyCrash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMem()
		q := open(t, m, diskq.Options{Durability: diskq.Buffered, SyncEvery: -1})
		r := follow(t, m)
		c := r.Cursor(sluice.Oldest())
		defer c.Close()
		if _, ok, err := c.TryNext(); ok || err != nil {
			t.Fatalf("TryNext() = %v, %v, want nothing", ok, err)
		}
		must(t, q.Close())
		must(t, m.Remove(dir+"/00000000000000000000.seg"))
		q = open(t, m, diskq.Options{})
		defer q.Close()
		add(t, q, "a")
		if v, err := c.Next(t.Context()); v != "a" || err != nil {
			t.Errorf("Next() = %q, %v, want a", v, err)
		}
	})
}

func TestFollowSeesACutBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMem()
		q := open(t, m, diskq.Options{SyncEvery: -1})
		add(t, q, "a", "b", "c")
		r := follow(t, m)
		c := r.Cursor(sluice.At(2))
		defer c.Close()
		if v, err := c.Next(t.Context()); v != "c" || err != nil {
			t.Fatalf("Next() = %q, %v, want c", v, err)
		}
		must(t, q.Close())
		// What a crash of the machine that writes leaves, seen from another one.
		data, err := fsx.ReadFile(m, dir+"/00000000000000000000.seg")
		must(t, err)
		pieces, err := diskq.Pieces(m, dir, 0)
		must(t, err)
		for _, p := range pieces {
			if p.Record && p.Offset == 1 {
				must(t, fsx.WriteFile(m, dir+"/00000000000000000000.seg", data[:p.Pos]))
			}
		}
		q = open(t, m, diskq.Options{})
		defer q.Close()
		add(t, q, "other")
		if v, err := c.Next(t.Context()); !errors.Is(err, diskq.ErrCutBack) {
			t.Errorf("Next() = %q, %v, want ErrCutBack", v, err)
		}
	})
}

func TestFollowErrors(t *testing.T) {
	m := newMem()
	if _, err := diskq.OpenReader(dir, diskq.String(), diskq.FollowOn(diskq.ReaderOptions{}, m)); err == nil {
		t.Error("OpenReader() of nothing = nil, want an error")
	}
	open(t, m, diskq.Options{})
	if _, err := diskq.OpenReader(dir, diskq.Bytes(), diskq.FollowOn(diskq.ReaderOptions{}, m)); err == nil {
		t.Error("OpenReader() with another codec = nil, want an error")
	}
	if _, err := diskq.OpenReader(dir, diskq.String(), diskq.FollowOn(diskq.ReaderOptions{PollEvery: -1}, m)); err == nil {
		t.Error("OpenReader() with a negative PollEvery = nil, want an error")
	}
	r := follow(t, m)
	c := r.Cursor(sluice.Newest())
	defer c.Close()
	must(t, r.Close())
	if _, err := c.Next(t.Context()); err != sluice.ErrClosed {
		t.Errorf("Next() after Close = %v, want ErrClosed", err)
	}
}
