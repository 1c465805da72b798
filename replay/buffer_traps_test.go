package replay_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/replay"
)

// The faults that were found in other streams of bytes, each with a test of its name.

func TestTrapReadNil(t *testing.T) {
	inEveryBubble(t, func(t *testing.T, b *replay.Buffer) {
		r := b.NewReader()
		defer r.Close()
		for range 3 {
			for _, p := range [][]byte{nil, {}} {
				if n, err := r.Read(p); n != 0 || err != nil {
					t.Errorf("Read(%v) = %v, %v, want 0, nil", p, n, err)
				}
				if n, err := r.ReadAt(p, 100); n != 0 || err != nil {
					t.Errorf("ReadAt(%v, 100) = %v, %v, want 0, nil", p, n, err)
				}
			}
			write(t, b, []byte("abc"))
		}
		if n, err := b.Write(nil); n != 0 || err != nil {
			t.Errorf("Write(nil) = %v, %v, want 0, nil", n, err)
		}
	})
}

// n < len(p) means an error, and to have fewer bytes now is none of a follower: it waits for the rest.
func TestTrapReadAtShort(t *testing.T) {
	inEveryBubble(t, func(t *testing.T, b *replay.Buffer) {
		write(t, b, []byte("abcdef"))
		snapshot, r := b.NewSnapshotReader(), b.NewReader()
		defer snapshot.Close()
		defer r.Close()
		p := make([]byte, 4)
		if n, err := snapshot.ReadAt(p, 4); n != 2 || string(p[:n]) != "ef" || err != io.EOF {
			t.Errorf("ReadAt(4 bytes, 4) of a snapshot = %v, %v, want 2, EOF", n, err)
		}
		done := make(chan result, 3)
		for off := range int64(3) { // at once
			go func() {
				p := make([]byte, 8)
				n, err := r.ReadAt(p, 4+off)
				done <- result{string(p[:n]), err}
			}()
		}
		wantWaiting(t, done)
		write(t, b, []byte("ghijk"))
		wantWaiting(t, done)
		write(t, b, []byte("l"))
		wantResult(t, done, "efghijkl", nil)
		wantWaiting(t, done)
		b.Close()
		rest := map[result]int{}
		for range 2 {
			synctest.Wait()
			rest[<-done]++
		}
		if rest[result{"fghijkl", io.EOF}] != 1 || rest[result{"ghijkl", io.EOF}] != 1 {
			t.Errorf("the others return %v, want fghijkl and ghijkl, each with EOF", rest)
		}
		if n, err := r.ReadAt(p, -1); n != 0 || err == nil || err == io.EOF {
			t.Errorf("ReadAt(_, -1) = %v, %v, want 0 and an error", n, err)
		}
	})
}

// A writer that failed says so, and no later Close makes the stream look complete.
func TestTrapFailedWriter(t *testing.T) {
	inEveryBubble(t, func(t *testing.T, b *replay.Buffer) {
		broken := errors.New("connection lost")
		write(t, b, []byte("half of"))
		early := b.NewReader()
		defer early.Close()
		if err := b.CloseWithError(broken); err != nil {
			t.Errorf("CloseWithError() = %v, want nil", err)
		}
		if err := b.Close(); err != nil {
			t.Errorf("Close() = %v, want nil", err)
		}
		b.CloseWithError(io.ErrUnexpectedEOF)
		wantAll(t, early, []byte("half of"), broken)
		if n, err := b.Write([]byte("x")); n != 0 || err != sluice.ErrClosed {
			t.Errorf("Write() = %v, %v, want 0, ErrClosed", n, err)
		}
		if n, err := b.ReadFrom(bytes.NewReader([]byte("x"))); n != 0 || err != sluice.ErrClosed {
			t.Errorf("ReadFrom() = %v, %v, want 0, ErrClosed", n, err)
		}
	})
}

// A relay that passes on the gap that stopped it: to its readers that is no gap, but the end.
func TestTrapCloseWithAGap(t *testing.T) {
	b := replay.NewBuffer(replay.BufferOptions{})
	lag := &sluice.LagError{From: 3, To: 9}
	b.CloseWithError(lag)
	r := b.NewReader()
	defer r.Close()
	for range 2 {
		_, err := r.Read(make([]byte, 1))
		if _, bare := err.(*sluice.LagError); bare || !errors.Is(err, lag) {
			t.Errorf("Read() = _, %v, want an error that wraps the lag", err)
		}
	}
	if off, _ := r.Seek(0, io.SeekCurrent); off != 0 {
		t.Errorf("the reader stands at %d, want 0", off)
	}
}

// Whatever ends a blocked read, it ends at once, with its own error.
func TestTrapCloseWhileAReadWaits(t *testing.T) {
	gone, cause := errors.New("gone"), errors.New("no time")
	for name, test := range map[string]struct {
		end  func(b *replay.Buffer, r *replay.BufferReader, cancel context.CancelCauseFunc)
		want error
	}{
		"Close":          {func(b *replay.Buffer, _ *replay.BufferReader, _ context.CancelCauseFunc) { b.Close() }, io.EOF},
		"CloseWithError": {func(b *replay.Buffer, _ *replay.BufferReader, _ context.CancelCauseFunc) { b.CloseWithError(gone) }, gone},
		"Abort":          {func(b *replay.Buffer, _ *replay.BufferReader, _ context.CancelCauseFunc) { b.Abort(gone) }, gone},
		"reader's Close": {func(_ *replay.Buffer, r *replay.BufferReader, _ context.CancelCauseFunc) { r.Close() }, sluice.ErrClosed},
		"context":        {func(_ *replay.Buffer, _ *replay.BufferReader, c context.CancelCauseFunc) { c(cause) }, cause},
	} {
		t.Run(name, func(t *testing.T) {
			inEveryBubble(t, func(t *testing.T, b *replay.Buffer) {
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				write(t, b, []byte("abc"))
				r := b.NewReader()
				defer r.Close()
				wantResult(t, read(ctx, r, 10), "abc", nil)
				waiting := read(ctx, r, 10)
				at := make(chan result, 2)
				for range cap(at) {
					go func() {
						n, err := r.ReadAt(make([]byte, 2), 2)
						at <- result{string(make([]byte, n)), err}
					}()
				}
				wantWaiting(t, waiting)
				wantWaiting(t, at)
				test.end(b, r, cancel)
				wantResult(t, waiting, "", test.want)
				if name == "context" {
					b.Abort(cause) // ReadAt has none
				}
				for range cap(at) {
					synctest.Wait()
					if got := <-at; got.err != test.want {
						t.Errorf("ReadAt() = _, %v, want %v", got.err, test.want)
					}
				}
			})
		})
	}
}

// The same for a reader of a trickle, which looks again now and then in place of being woken: it ends within that time.
func TestTrapCloseWhileANapLasts(t *testing.T) {
	for name, end := range map[string]func(b *replay.Buffer, r *replay.BufferReader, cancel func()){
		"Close":          func(b *replay.Buffer, _ *replay.BufferReader, _ func()) { b.Close() },
		"Abort":          func(b *replay.Buffer, _ *replay.BufferReader, _ func()) { b.Abort(nil) },
		"reader's Close": func(_ *replay.Buffer, r *replay.BufferReader, _ func()) { r.Close() },
		"context":        func(_ *replay.Buffer, _ *replay.BufferReader, cancel func()) { cancel() },
	} {
		t.Run(name, func(t *testing.T) {
			inEveryBubble(t, func(t *testing.T, b *replay.Buffer) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				r := b.NewReader()
				defer r.Close()
				for range 3 {
					write(t, b, []byte("x"))
					wantResult(t, read(ctx, r, 10), "x", nil)
				}
				start := time.Now()
				napping := read(ctx, r, 10)
				wantWaiting(t, napping)
				end(b, r, cancel)
				if got := <-napping; got.err == nil {
					t.Errorf("the read returns %q, nil, want an error", got.got)
				}
				if took := time.Since(start); took > replay.NapTime {
					t.Errorf("the read ended after %v, want %v at most", took, replay.NapTime)
				}
			})
		})
	}
}

func TestTrapLateReaderAfterAnError(t *testing.T) {
	inEveryBubble(t, func(t *testing.T, b *replay.Buffer) {
		broken := errors.New("broken")
		data := content(10_000)
		write(t, b, data)
		b.CloseWithError(broken)
		for range 2 {
			r := b.NewReader()
			wantAll(t, r, data, broken)
			if n, err := r.ReadAt(make([]byte, 20), int64(len(data)-10)); n != 10 || err != broken {
				t.Errorf("ReadAt() = %v, %v, want 10, %v", n, err, broken)
			}
			r.Close()
		}
		gone := errors.New("gone")
		b.Abort(gone)
		b.Abort(broken) // the first counts
		r := b.NewReader()
		defer r.Close()
		if n, err := r.Read(make([]byte, 1)); n != 0 || err != gone {
			t.Errorf("Read() after Abort = %v, %v, want 0, %v", n, err, gone)
		}
		if n, err := b.Write([]byte("x")); n != 0 || err != gone {
			t.Errorf("Write() after Abort = %v, %v, want 0, %v", n, err, gone)
		}
	})
}

// An abort never looks like a complete stream.
func TestTrapAbortWithEOF(t *testing.T) {
	for _, why := range []error{nil, io.EOF, sluice.ErrClosed} {
		b := replay.NewBuffer(replay.BufferOptions{})
		b.Abort(why)
		r := b.NewReader()
		if _, err := r.Read(make([]byte, 1)); err == nil || err == io.EOF || err == sluice.ErrClosed {
			t.Errorf("after Abort(%v): Read() = _, %v, want an error of its own", why, err)
		}
		r.Close()
	}
}

func TestTrapSeekBeyondTheEnd(t *testing.T) {
	inEveryBubble(t, func(t *testing.T, b *replay.Buffer) {
		write(t, b, []byte("abc"))
		snapshot, r := b.NewSnapshotReader(), b.NewReader()
		defer snapshot.Close()
		defer r.Close()
		for _, r := range []*replay.BufferReader{snapshot, r} {
			if off, err := r.Seek(2, io.SeekEnd); off != 5 || err != nil {
				t.Errorf("Seek(2, SeekEnd) = %v, %v, want 5, nil", off, err)
			}
		}
		if n, err := snapshot.Read(make([]byte, 1)); n != 0 || err != io.EOF {
			t.Errorf("Read() of a snapshot = %v, %v, want 0, EOF", n, err)
		}
		waiting := read(t.Context(), r, 10)
		wantWaiting(t, waiting)
		write(t, b, []byte("de")) // up to its place, not beyond
		wantWaiting(t, waiting)
		write(t, b, []byte("fg"))
		wantResult(t, waiting, "fg", nil)
		if got, err := io.ReadAll(snapshot); string(got) != "fg" || err != nil {
			t.Errorf("ReadAll() of the snapshot = %q, %v, want fg, nil", got, err)
		}
		for _, bad := range []struct {
			offset int64
			whence int
		}{{-1, io.SeekStart}, {-8, io.SeekCurrent}, {-8, io.SeekEnd}, {1<<63 - 1, io.SeekCurrent}, {1<<63 - 1, io.SeekEnd}, {0, 3}, {0, -1}} {
			if off, err := r.Seek(bad.offset, bad.whence); err == nil {
				t.Errorf("Seek(%v, %v) = %v, nil, want an error", bad.offset, bad.whence, off)
			}
		}
		if off, err := r.Seek(0, io.SeekCurrent); off != 7 || err != nil {
			t.Errorf("Seek(0, SeekCurrent) = %v, %v, want 7, nil: an error moves nothing", off, err)
		}
		r.Seek(100, io.SeekStart)
		b.Close()
		if n, err := r.Read(make([]byte, 1)); n != 0 || err != io.EOF {
			t.Errorf("Read() beyond the end of a closed stream = %v, %v, want 0, EOF", n, err)
		}
	})
}

// Readers that go, while they read too, disturb no other.
func TestTrapReaderClosedWhileOthersRead(t *testing.T) {
	inEveryHome(t, func(t *testing.T, b *replay.Buffer) {
		data := content(1 << 19)
		var stay, leave sync.WaitGroup
		for range 4 {
			r := b.NewReader()
			stay.Go(func() {
				defer r.Close()
				wantRest(t, r, data)
			})
			short := b.NewReader()
			leave.Go(func() {
				if _, err := io.Copy(io.Discard, short); err != nil && err != sluice.ErrClosed {
					t.Errorf("a reader that was closed gets %v, want ErrClosed", err)
				}
				if _, err := short.Read(make([]byte, 1)); err != sluice.ErrClosed {
					t.Errorf("Read() after Close = _, %v, want ErrClosed", err)
				}
				if _, err := short.Seek(0, io.SeekStart); err != sluice.ErrClosed {
					t.Errorf("Seek() after Close = _, %v, want ErrClosed", err)
				}
			})
			leave.Go(func() {
				for range 2 { // idempotent
					if err := short.Close(); err != nil {
						t.Errorf("Close() = %v, want nil", err)
					}
				}
			})
		}
		writeAll(t, b, data)
		leave.Wait()
		b.Close()
		stay.Wait()
	})
}

// wantRest reads what r has, and compares.
func wantRest(t testing.TB, r *replay.BufferReader, data []byte) {
	if got, err := io.ReadAll(r); !bytes.Equal(got, data) || err != nil {
		t.Errorf("ReadAll() = %d bytes, equal: %t, and %v, want %d, nil", len(got), bytes.Equal(got, data), err, len(data))
	}
}

// Nothing is lost, and nothing panics, when the last reader has gone and then the writer goes.
func TestTrapWriterGoesAwayWithNoReaderLeft(t *testing.T) {
	inEveryBubble(t, func(t *testing.T, b *replay.Buffer) {
		data := content(9000)
		r := b.NewReader()
		waiting := read(t.Context(), r, 1)
		wantWaiting(t, waiting)
		r.Close()
		wantResult(t, waiting, "", sluice.ErrClosed)
		write(t, b, data)
		for range 2 {
			if err := b.Close(); err != nil {
				t.Errorf("Close() = %v, want nil", err)
			}
		}
		late := b.NewReader()
		defer late.Close()
		wantAll(t, late, data, nil)
	})
}
