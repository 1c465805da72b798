package spool_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/spool"
	"pgregory.net/rapid"
)

// Random calls on a random Writer in front of a sink that fails, takes parts, hangs and recovers, against a list of lines.
func TestWriterModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		o := spool.Options{
			BufferBytes: rapid.IntRange(1, 40).Draw(rt, "buffer bytes"),
			Buffers:     rapid.IntRange(2, 4).Draw(rt, "buffers"),
			FlushEvery:  rapid.SampledFrom([]time.Duration{-1, time.Millisecond, time.Second}).Draw(rt, "flush every"),
			Overflow:    spool.Overflow(rapid.IntRange(0, 2).Draw(rt, "overflow")),
		}
		if o.Overflow == spool.Block {
			o.BlockFor = time.Minute // one goroutine: nobody else would make room
		}
		rapid.SyncTest(rt, func(rt *rapid.T) {
			m := &writerModel{rt: rt, o: o, s: new(sink)}
			o.OnDrop = m.onDrop
			m.w = spool.NewWriter(m.s, o)
			defer func() { m.w.CloseContext(ended) }() // also if the test ends early
			rt.Repeat(map[string]func(*rapid.T){
				"":       m.check,
				"write":  m.write,
				"flush":  m.flush,
				"sync":   m.sync,
				"wait":   m.wait,
				"change": m.change,
			})
			m.close(rt)
		})
	})
}

type writerModel struct {
	rt *rapid.T
	o  spool.Options
	w  *spool.Writer
	s  *sink

	number   int
	current  string   // the line that is being offered
	accepted []string // lines, without those that were dropped
	refused  spool.Count
	dropped  spool.Count
	release  func() // of a sink that hangs
}

// write offers a line that is like no other.
func (m *writerModel) write(rt *rapid.T) {
	m.number++
	l := line(rapid.IntRange(5, 50).Draw(rt, "length"), m.number, "-")
	if m.release != nil && len(l) > m.o.BufferBytes && m.o.Overflow == spool.Block {
		return // it would wait for the sink to return
	}
	m.current = l
	m.accepted = append(m.accepted, l) // at once, as others may be dropped for it
	n, err := m.w.WriteString(l)
	m.current = ""
	last := len(m.accepted) - 1
	taken := last >= 0 && m.accepted[last] == l
	if taken && (n != len(l) || err != nil) || !taken && (n != 0 || !errors.Is(err, spool.ErrFull)) {
		rt.Fatalf("WriteString(%q) = %d, %v, and OnDrop got it: %v", l, n, err, !taken)
	}
}

// onDrop takes what is dropped, or refused, out of the list.
func (m *writerModel) onDrop(p []byte, n int) {
	for l := range strings.Lines(string(p)) {
		i := slices.Index(m.accepted, l)
		if i < 0 {
			m.rt.Fatalf("OnDrop got %q, which is not there to drop", l)
		}
		m.accepted = slices.Delete(m.accepted, i, i+1)
		lost := &m.dropped
		if l == m.current {
			lost = &m.refused
		}
		lost.Lines++
		lost.Bytes += int64(len(l))
		n--
	}
	if n != 0 {
		m.rt.Fatalf("OnDrop is told of %d lines more than it got", n)
	}
}

func (m *writerModel) flush(rt *rapid.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	err := m.w.Flush(ctx)
	if stuck := m.release != nil || m.s.fail != nil; err != nil && !stuck {
		rt.Fatalf("Flush() = %v though the sink is well", err)
	}
	if err == nil {
		m.arrived(rt, "Flush")
	}
}

func (m *writerModel) sync(rt *rapid.T) {
	if m.release != nil {
		return // it would wait for the sink to return
	}
	err := m.w.Sync()
	if err != nil && err != errSink {
		rt.Fatalf("Sync() = %v", err)
	}
	if err == nil {
		m.arrived(rt, "Sync")
	}
}

func (m *writerModel) wait(rt *rapid.T) {
	d := rapid.SampledFrom([]time.Duration{1, time.Millisecond, 5 * time.Second}).Draw(rt, "d")
	time.Sleep(d)
	synctest.Wait()
	if m.o.FlushEvery > 0 && d == 5*time.Second && m.release == nil && m.s.fail == nil {
		m.arrived(rt, "FlushEvery")
	}
}

// change makes the sink well or ill.
func (m *writerModel) change(rt *rapid.T) {
	if m.release != nil {
		m.release()
		m.release = nil
		return
	}
	m.s.set(func(s *sink) { s.fail, s.short = nil, 0 })
	switch rapid.IntRange(0, 3).Draw(rt, "sink") {
	case 0:
		m.s.set(func(s *sink) { s.fail = errSink })
	case 1:
		m.s.set(func(s *sink) { s.short = rapid.IntRange(1, 20).Draw(rt, "takes at most") })
	case 2:
		m.release = m.s.hangs()
	}
}

// arrived checks that the sink has all that was accepted.
func (m *writerModel) arrived(rt *rapid.T, after string) {
	if got, want := m.s.String(), strings.Join(m.accepted, ""); got != want {
		rt.Fatalf("after %s the sink has %q, want %q", after, got, want)
	}
}

// check checks the counts, and that no line was split or mixed.
func (m *writerModel) check(rt *rapid.T) {
	synctest.Wait()
	got := m.w.Stats()
	if got.Refused != m.refused || got.Accepted.Lines != int64(len(m.accepted))+got.Dropped.Lines || got.Dropped != m.dropped {
		rt.Fatalf("Stats() = %+v, want %d accepted, %v dropped, %v refused", got, len(m.accepted), m.dropped, m.refused)
	}
	if limit := int64(m.o.Buffers * m.o.BufferBytes); got.Buffered.Bytes < 0 || got.Buffered.Bytes > limit && got.Buffered.Lines > 1 {
		rt.Fatalf("Buffered = %v, the bound is %d bytes", got.Buffered, limit)
	}
	out := m.s.String()
	if got.Written.Bytes != int64(len(out)) || got.Written.Lines > int64(strings.Count(out, "\n")) {
		rt.Fatalf("Written = %v, and the sink has %q", got.Written, out)
	}
	if all := strings.Join(m.accepted, ""); !strings.HasPrefix(all, out) {
		rt.Fatalf("the sink has %q, which is not how %q begins", out, all)
	}
	m.s.mu.Lock()
	defer m.s.mu.Unlock()
	for _, call := range m.s.calls {
		if !strings.HasSuffix(call, "\n") {
			rt.Fatalf("the sink got %q: a line is split", call)
		}
	}
}

func (m *writerModel) close(rt *rapid.T) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	err := m.w.CloseContext(ctx)
	left := m.w.Stats()
	if m.release != nil {
		m.release()
	}
	synctest.Wait()
	if _, again := m.w.WriteString("x"); again != sluice.ErrClosed {
		rt.Fatalf("WriteString() = %v, want ErrClosed", again)
	}
	if err == nil {
		m.arrived(rt, "Close")
		return
	}
	var lost *spool.UndeliveredError
	if !errors.As(err, &lost) || m.release == nil && m.s.fail == nil {
		rt.Fatalf("CloseContext() = %v", err)
	}
	if in := left.Accepted.Lines - left.Written.Lines - m.dropped.Lines; lost.Lines != in {
		rt.Fatalf("CloseContext() says that %v were not delivered, want %d lines", lost.Count, in)
	}
	if got := m.w.Stats(); got.Buffered.Lines != 0 || got.Buffered.Bytes != 0 {
		rt.Fatalf("Buffered = %v when the goroutine has ended", got.Buffered)
	}
}
