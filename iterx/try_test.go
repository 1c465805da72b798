package iterx_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/iterx"
	"github.com/sluice-go/sluice/replay"
)

func TestUntilErrSaysWhy(t *testing.T) {
	values, err := iterx.UntilErr(failing(slices.Values(faulty)))
	if err() != nil {
		t.Errorf("err() = %v before the loop, want nil", err())
	}
	if n := iterx.Count(values); n != 2 || err() == nil || err().Error() != "bad-1" {
		t.Errorf("%d values, err() = %v, want 2 and bad-1", n, err())
	}
	for range values {
		break
	}
	if err() != nil {
		t.Errorf("err() = %v after a loop that was left, want nil", err())
	}
}

func TestWithContextEndsWithTheCauseOnce(t *testing.T) {
	cause := errors.New("enough")
	for name, c := range map[string]struct {
		values []int
		at     int // ctx is cancelled in the body for this value
		want   string
	}{
		"in the middle": {[]int{0, 1, 2, 3}, 1, "0 1 !enough"},
		"at an error":   {[]int{0, -1, 2, 3}, -1, "0 !bad-1 !enough"},
		"at the last":   {[]int{0, 1}, 1, "0 1 !enough"},
	} {
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		var got []string
		for s := range text2(iterx.WithContext(ctx, failing(slices.Values(c.values)))) {
			if got = append(got, s); s == fmt.Sprint(c.at) || s == "!"+fmt.Sprint(bad(c.at)) {
				cancel(cause)
			}
		}
		if fmt.Sprint(got) != "["+c.want+"]" {
			t.Errorf("cancelled %s: %v, want %s", name, got, c.want)
		}
		in := over(c.values)
		vs, err := iterx.TryCollect(iterx.WithContext(ctx, iterx.Ok(in.seq)))
		if len(vs) != 0 || err != cause || in.taken != 0 {
			t.Errorf("with a dead context %v, %v, and %d values taken, want %v and none", vs, err, in.taken, cause)
		}
	}
}

// A cursor says the cause itself.
func TestWithContextDoesNotRepeatWhatTheInputSaid(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	log := replay.New[int](replay.Options{})
	log.AppendAll(ctx, zeros)
	cur := log.Cursor(sluice.Oldest())
	defer cur.Close()
	wrapped := iterx.TryMap(cur.All(ctx), func(v int) (int, error) {
		cancel() // the cursor sees it, at the latest 16 values on
		return v, nil
	})
	errs := 0
	for _, err := range iterx.WithContext(ctx, wrapped) {
		if err != nil {
			errs++
		}
	}
	if errs != 1 {
		t.Errorf("%d errors, want 1", errs)
	}
}

func TestFromNextWithoutAnEnd(t *testing.T) {
	end := errors.New("end")
	next := func() (int, error) { return 7, end }
	for v, err := range iterx.FromNext(next, nil) {
		if v != 0 || err != end {
			t.Errorf("%v, %v, want 0, %v", v, err, end)
		}
	}
	wrapped := func() (int, error) { return 7, fmt.Errorf("codec: %w", end) }
	if _, err := iterx.TryCollect(iterx.FromNext(wrapped, end)); !errors.Is(err, end) {
		t.Errorf("an error that wraps the end ends with %v, want that error", err)
	}
}
