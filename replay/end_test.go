package replay_test

import (
	"errors"
	"io"
	"testing"
	"testing/synctest"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/replay"
)

func TestCloseWithErrorReachesLateReaders(t *testing.T) {
	broken := errors.New("upstream broke")
	r := replay.New[int](replay.Options{})
	appendN(t, r, 30)
	r.CloseWithError(broken)
	r.CloseWithError(io.EOF) // the first end counts
	r.Close()
	for range 2 {
		c := r.Cursor(sluice.Oldest())
		defer c.Close()
		n := 0
		var errs []error
		for v, err := range c.All(t.Context()) {
			switch {
			case err != nil:
				errs = append(errs, err)
			case v != n:
				t.Fatalf("All() yields %v, want %v", v, n)
			default:
				n++
			}
		}
		if n != 30 || len(errs) != 1 || errs[0] != broken {
			t.Errorf("All() yields %d values and %v, want 30 and %v", n, errs, broken)
		}
	}
	if _, err := r.Append(t.Context(), 1); err != sluice.ErrClosed {
		t.Errorf("Append() = _, %v, want ErrClosed", err)
	}
	if _, err := r.AppendAll(t.Context(), []int{1}); err != sluice.ErrClosed {
		t.Errorf("AppendAll() = _, %v, want ErrClosed", err)
	}
}

// A relay that passes on the gap that stopped it must not make its readers loop over it for ever.
func TestCloseWithAGapIsFinal(t *testing.T) {
	lag := &sluice.LagError{From: 3, To: 9}
	r := replay.New[int](replay.Options{})
	appendN(t, r, 1)
	r.CloseWithError(lag)
	c := r.Cursor(sluice.Oldest())
	defer c.Close()
	var errs []error
	for _, err := range c.All(t.Context()) {
		if err != nil {
			errs = append(errs, err)
		}
	}
	var got *sluice.LagError
	if len(errs) != 1 || !errors.As(errs[0], &got) || got != lag || c.Missed() != 0 {
		t.Errorf("All() yields the errors %v, Missed() = %v, want one that wraps the lag, and 0", errs, c.Missed())
	}
}

func TestAbort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gone := errors.New("gone")
		r := replay.New[int](replay.Options{})
		appendN(t, r, 10)
		behind, waiting := r.Cursor(sluice.Oldest()), r.Cursor(sluice.Newest())
		defer behind.Close()
		defer waiting.Close()
		got := make(chan error, 1)
		go func() {
			_, err := waiting.Next(t.Context())
			got <- err
		}()
		synctest.Wait()
		r.Close()
		if err := <-got; err != sluice.ErrClosed {
			t.Errorf("Next() = _, %v, want ErrClosed", err)
		}
		r.Abort(gone) // also after Close: the backlog is not delivered
		r.Abort(io.EOF)
		if _, err := behind.Next(t.Context()); err != gone {
			t.Errorf("Next() = _, %v, want %v", err, gone)
		}
		if _, err := r.Append(t.Context(), 1); err != gone {
			t.Errorf("Append() = _, %v, want %v", err, gone)
		}
	})
}

func TestAbortWakesAndNeverLooksComplete(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, why := range []error{nil, sluice.ErrClosed} {
			r := replay.New[int](replay.Options{})
			c := r.Cursor(sluice.Oldest())
			got := make(chan error, 1)
			go func() {
				_, err := c.Next(t.Context())
				got <- err
			}()
			synctest.Wait()
			r.Abort(why)
			if err := <-got; err == nil || err == sluice.ErrClosed {
				t.Errorf("after Abort(%v): Next() = _, %v, want an error of its own", why, err)
			}
			c.Close()
		}
	})
}
