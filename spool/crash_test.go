package spool_test

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"
	"time"

	"github.com/sluice-go/sluice/internal/fsx"
	"github.com/sluice-go/sluice/spool"
	"pgregory.net/rapid"
)

// Random calls on a random Dir, on a disk on which single operations fail, whose process is killed or whose power is cut
// in the middle of anything, against the list of messages: finished files are whole and never change, no name is given
// twice, no message is there twice, and what was flushed is there, at every moment. After a Close that says nil,
// everything accepted is.
func TestDirModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		o := spool.DirOptions{
			Workers:      rapid.IntRange(1, 3).Draw(rt, "workers"),
			BufferBytes:  rapid.IntRange(20, 200).Draw(rt, "buffer bytes"),
			MaxFileBytes: int64(rapid.IntRange(200, 500).Draw(rt, "file bytes")),
			MaxFileAge:   rapid.SampledFrom([]time.Duration{-1, time.Second, time.Minute}).Draw(rt, "age"),
			Framing:      spool.Framing(rapid.IntRange(0, 1).Draw(rt, "framing")),
			Timeout:      10 * time.Second,
		}
		if rapid.Bool().Draw(rt, "compress") {
			o.Compress = spool.Gzip(gzip.BestSpeed)
		}
		if rapid.Bool().Draw(rt, "temp dir") {
			o.TempDir = "/temp"
		}
		windows := rapid.Bool().Draw(rt, "windows")
		rapid.SyncTest(rt, func(rt *rapid.T) {
			m := &dirModel{
				rt: rt, o: o, windows: windows, m: fsx.NewMem(fsx.MemOptions{Windows: windows}),
				maybe: map[string]bool{}, flushed: map[string]bool{}, files: map[string]string{},
			}
			m.open()
			defer func() { m.d.CloseContext(ended) }() // also if the test ends early
			rt.Repeat(map[string]func(*rapid.T){
				"":          func(*rapid.T) { m.check() },
				"write":     m.write,
				"writeFrom": m.writeFrom,
				"flush":     func(*rapid.T) { m.flush() },
				"fail":      m.fail,
				"wait": func(rt *rapid.T) {
					time.Sleep(rapid.SampledFrom([]time.Duration{1, 2 * time.Second, time.Hour}).Draw(rt, "d"))
				},
				"crash": m.crash,
				"close": func(*rapid.T) { m.close(); m.open() },
			})
			m.close()
		})
	})
}

// ended is a context that is done.
var ended = func() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}()

type dirModel struct {
	rt      *rapid.T
	o       spool.DirOptions
	windows bool
	m       *fsx.Mem
	d       *spool.Dir

	number   int
	maybe    map[string]bool   // may be there: a crash, or a call that failed, leaves that open
	accepted map[string]bool   // by this Dir, since the last flush
	flushed  map[string]bool   // must be there
	files    map[string]string // finished files that were seen, and what they hold
	fault    func(fsx.Call) error
}

func (m *dirModel) open() {
	m.inject(nil)
	m.accepted = map[string]bool{}
	m.d = openedOn(m.rt, m.m, m.windows, m.o)
}

// inject makes operations of the Dir fail, not those of check.
func (m *dirModel) inject(f func(fsx.Call) error) {
	m.fault = f
	m.m.Inject(f)
}

func (m *dirModel) next(rt *rapid.T) string {
	m.number++
	return fmt.Sprint(m.number, strings.Repeat(".", rapid.IntRange(0, 300).Draw(rt, "length")))
}

func (m *dirModel) write(rt *rapid.T) {
	for range rapid.IntRange(1, 10).Draw(rt, "messages") {
		msg := m.next(rt)
		_, err := m.d.Write([]byte(msg))
		m.note(rt, msg, err)
	}
}

func (m *dirModel) writeFrom(rt *rapid.T) {
	msg := m.next(rt)
	if rapid.Bool().Draw(rt, "broken") {
		if _, err := m.d.WriteFrom(iotest.TimeoutReader(iotest.OneByteReader(strings.NewReader(msg)))); err == nil && len(msg) > 1 {
			rt.Fatal("WriteFrom() of a broken reader = nil")
		}
		return
	}
	_, err := m.d.WriteFrom(strings.NewReader(msg))
	m.note(rt, msg, err)
}

func (m *dirModel) note(rt *rapid.T, msg string, err error) {
	switch {
	case err == nil:
		m.accepted[msg] = true
	case errors.Is(err, errDisk):
		m.maybe[msg] = true // the disk may have it all the same, behind what is whole, and a crash makes it look whole
	default:
		rt.Fatalf("a write returns %v", err)
	}
}

func (m *dirModel) flush() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := m.d.Flush(ctx); err == nil {
		m.settle()
	} else if !errors.Is(err, errDisk) && !errors.Is(err, context.DeadlineExceeded) {
		m.rt.Fatalf("Flush() = %v", err)
	}
}

// settle says that all that was accepted must be there from now on.
func (m *dirModel) settle() {
	maps.Copy(m.flushed, m.accepted)
	clear(m.accepted)
	m.check()
}

var errDisk = fmt.Errorf("the disk: %w", syscall.EIO)

// fail makes an operation that follows fail, or several in a row, or a write be short.
func (m *dirModel) fail(rt *rapid.T) {
	kinds := rapid.SampledFrom([]fsx.Op{fsx.OpWrite, fsx.OpSync, fsx.OpSync, fsx.OpRename, fsx.OpOpen, fsx.OpSyncDir, fsx.OpTruncate, fsx.OpRemove,
		fsx.OpRead, fsx.OpAny &^ fsx.OpReadDir &^ fsx.OpLock &^ fsx.OpStat}).Draw(rt, "kinds")
	n, times := rapid.IntRange(0, 9).Draw(rt, "n"), rapid.IntRange(1, 4).Draw(rt, "times")
	short := rapid.IntRange(-1, 50).Draw(rt, "short")
	m.inject(func(c fsx.Call) error {
		if c.Op&kinds == 0 || c.Op&(fsx.OpReadDir|fsx.OpStat|fsx.OpLock|fsx.OpClose) != 0 {
			return nil
		}
		if n--; n >= 0 || n < -times {
			return nil
		}
		if c.Op == fsx.OpWrite && short >= 0 {
			return &fsx.ShortWrite{N: min(short, c.Size), Err: errDisk}
		}
		return errDisk
	})
}

// crash ends the process, or the machine, perhaps in the middle of some operation, and starts it again.
func (m *dirModel) crash(rt *rapid.T) {
	if rapid.Bool().Draw(rt, "in the middle") {
		n := rapid.IntRange(0, 20).Draw(rt, "n")
		m.inject(func(fsx.Call) error {
			if n--; n < 0 {
				return fsx.ErrPowerCut
			}
			return nil
		})
		msg := m.next(rt)
		m.maybe[msg] = true
		m.d.Write([]byte(msg))
		time.Sleep(2 * time.Second)
	}
	before := m.m
	power := rapid.Bool().Draw(rt, "power")
	if power {
		m.m = before.PowerCut(rapid.Uint64().Draw(rt, "seed"))
	} else {
		m.m = before.Kill()
	}
	m.d.CloseContext(ended) // ends its goroutines: every operation fails
	maps.Copy(m.maybe, m.accepted)
	if power { // a file that was renamed and not synced may be gone, and its name with it
		clear(m.files)
	}
	m.open()
	m.check()
}

func (m *dirModel) close() {
	m.inject(nil)
	if err := m.d.CloseContext(context.Background()); err != nil {
		m.rt.Fatalf("CloseContext() = %v", err)
	}
	m.settle()
	_, _, others := files(m.rt, m.m, "/out", m.o.Framing)
	if slices.ContainsFunc(others, func(name string) bool { return strings.HasSuffix(name, ".tmp") || strings.HasSuffix(name, ".lock") }) {
		m.rt.Fatalf("after Close %v is left", others)
	}
	if n := m.m.Open(); n != 0 {
		m.rt.Fatalf("after Close %d files are open", n)
	}
}

func (m *dirModel) check() {
	m.m.Inject(nil)
	defer m.m.Inject(m.fault)
	seen := map[string]bool{}
	names, messages, _ := files(m.rt, m.m, "/out", m.o.Framing)
	for _, name := range names {
		for _, msg := range messages[name] {
			if seen[msg] {
				m.rt.Fatalf("message %q is there twice", msg)
			}
			seen[msg] = true
			if !m.accepted[msg] && !m.flushed[msg] && !m.maybe[msg] {
				m.rt.Fatalf("message %q is there, and was never accepted", msg)
			}
		}
		holds := strings.Join(messages[name], "\n")
		if was, ok := m.files[name]; ok && was != holds {
			m.rt.Fatalf("%s held %q, and now %q", name, was, holds)
		}
		m.files[name] = holds
	}
	for msg := range m.flushed {
		if !seen[msg] {
			m.rt.Fatalf("message %q was flushed, and is not there", msg)
		}
	}
}
