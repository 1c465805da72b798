package replay_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/sluice-go/sluice/replay"
)

// inEveryBubble runs test for each home, in a synctest bubble: a wake-up that is lost is a deadlock there.
func inEveryBubble(t *testing.T, test func(t *testing.T, b *replay.Buffer)) {
	for _, h := range homes {
		t.Run(h.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := h.open(t)
				test(t, b)
				b.Close() // so that no timer is left
			})
		})
	}
}

// read reads once with r in a goroutine, and returns where the result comes.
func read(ctx context.Context, r *replay.BufferReader, n int) <-chan result {
	done := make(chan result, 1)
	go func() {
		p := make([]byte, n)
		k, err := r.ReadContext(ctx, p)
		done <- result{string(p[:k]), err}
	}()
	return done
}

type result struct {
	got string
	err error
}

func wantResult(t testing.TB, done <-chan result, got string, err error) {
	t.Helper()
	synctest.Wait()
	select {
	case r := <-done:
		if r.got != got || r.err != err {
			t.Errorf("the read returns %q, %v, want %q, %v", r.got, r.err, got, err)
		}
	default:
		t.Errorf("the read still waits, want %q, %v", got, err)
	}
}

func wantWaiting(t testing.TB, done <-chan result) {
	t.Helper()
	synctest.Wait()
	select {
	case r := <-done:
		t.Errorf("the read returns %q, %v, want it to wait", r.got, r.err)
	default:
	}
}
