package streams

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"

	"github.com/sluice-go/sluice/bench/ratio"
)

// A size is that of a write, and how many make a run: of n for the table's flag, so that a run has 100 or 164 MB for a million.
type size struct {
	bytes, share int
}

var (
	small = size{bytes: 100, share: 1}
	large = size{bytes: 32 << 10, share: 200}
)

func (s size) String() string {
	if s == small {
		return "100 B"
	}
	return "32 KiB"
}

// run returns a run of this size, of n by the flag.
func (s size) run(n, readers int, lent bool) Run {
	return Run{Writes: max(1, n/s.share), Size: s.bytes, Readers: readers, Lent: lent}
}

// Tables returns the tables of this package for n small writes, with the goals that replay.Buffer is held to.
func Tables(n int) (tables []*ratio.Table) {
	for _, s := range []size{small, large} {
		for _, readers := range []int{1, 4, 16} {
			tables = append(tables, liveTable(n, s, readers))
		}
	}
	for _, readers := range []int{1, 4, 16} {
		tables = append(tables, worstTable(n, readers))
	}
	tables = append(tables, heldTable(n))
	for _, s := range []size{small, large} {
		for _, readers := range []int{1, 4, 16} {
			tables = append(tables, fileTable(n, s, readers))
		}
	}
	return tables
}

func liveTable(n int, s size, readers int) *ratio.Table {
	t := &ratio.Table{Title: fmt.Sprintf("Stream in memory, %v, %s, per write", s, count(readers)), Ours: Buffer}
	for _, r := range InMemory() {
		run := s.run(n, readers, r.Lent)
		t.Rows = append(t.Rows, row(r, func(st Stream) (ratio.Sample, error) {
			d, err := run.Live(st)
			return ratio.Sample{Nanos: float64(d) / float64(run.Writes)}, err
		}))
	}
	atLeast := 5.0
	if s == large {
		atLeast = 4
	}
	t.Goals = []ratio.Goal{{Row: Buffer, Peer: Djherbis, AtLeast: atLeast}}
	return t
}

func worstTable(n, readers int) *ratio.Table {
	t := &ratio.Table{Title: fmt.Sprintf("Stream in memory, worst Write, %v, %s", small, count(readers)), Ours: Buffer}
	for _, r := range InMemory() {
		run := small.run(n, readers, r.Lent)
		t.Rows = append(t.Rows, row(r, func(st Stream) (ratio.Sample, error) {
			worst, total, err := run.Worst(st)
			return ratio.Sample{Nanos: float64(total) / float64(run.Writes), Worst: float64(worst)}, err
		}))
	}
	t.Goals = []ratio.Goal{{Row: Buffer, Peer: Djherbis, Unit: ratio.Worst, AtLeast: 50}}
	return t
}

func heldTable(n int) *ratio.Table {
	t := &ratio.Table{Title: fmt.Sprintf("Stream in memory, held, %v, no reader, per write", small), Ours: Buffer}
	run := small.run(n, 0, false)
	for _, r := range InMemory() {
		if r.Lent {
			continue
		}
		t.Rows = append(t.Rows, row(r, func(st Stream) (ratio.Sample, error) {
			before := held()
			d, err := run.Fill(st)
			grown := held() - before
			runtime.KeepAlive(st)
			return ratio.Sample{Nanos: float64(d) / float64(run.Writes), Held: grown / float64(run.bytes())}, err
		}))
	}
	t.Goals = []ratio.Goal{{Row: Buffer, Unit: ratio.Held, AtMost: 1.05}}
	return t
}

func fileTable(n int, s size, readers int) *ratio.Table {
	t := &ratio.Table{Title: fmt.Sprintf("Stream in a file, %v, %s, per write", s, count(readers)), Ours: Buffer}
	run := s.run(n, readers, false)
	for _, r := range OnFile() {
		t.Rows = append(t.Rows, row(r, func(st Stream) (ratio.Sample, error) {
			d, err := run.Live(st)
			return ratio.Sample{Nanos: float64(d) / float64(run.Writes)}, err
		}))
	}
	atLeast := 1.5
	switch {
	case s == large && readers == 1:
		atLeast = 0.95
	case s == large:
		atLeast = 1.3
	}
	t.Goals = []ratio.Goal{{Row: Buffer, Peer: Djherbis, AtLeast: atLeast}}
	return t
}

// row returns a row that measures a stream of r each time, in memory that was given back to the system before.
func row(r Rival, measure func(Stream) (ratio.Sample, error)) ratio.Row {
	return ratio.Row{Name: r.Name, Run: func() (s ratio.Sample, err error) {
		dir, err := os.MkdirTemp("", "sluice-bench-")
		if err != nil {
			return s, err
		}
		defer os.RemoveAll(dir)
		debug.FreeOSMemory()
		st, err := r.New(dir)
		if err != nil {
			return s, err
		}
		if s, err = measure(st); err != nil {
			return s, err
		}
		return s, st.Free()
	}}
}

// held returns how many bytes are in use, after a collection.
func held() float64 {
	runtime.GC()
	runtime.GC() // what finalizers and pools let go of
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

func count(readers int) string {
	if readers == 1 {
		return "1 reader"
	}
	return fmt.Sprintf("%d readers", readers)
}
