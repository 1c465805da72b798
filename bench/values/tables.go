package values

import (
	"fmt"
	"runtime"
	"time"

	"github.com/sluice-go/sluice/bench/ratio"
)

// Tables returns the tables of this package for n values, with the goals that package replay is held to: in fresh memory,
// as a log that grows has it. Recycled memory is there to show the other end.
func Tables(n int) (tables []*ratio.Table) {
	for _, m := range []memory{fresh, recycled} {
		for _, writers := range []int{1, 8} {
			tables = append(tables, appendTable(n, writers, m))
		}
	}
	for _, readers := range []int{1, 4, 16} {
		tables = append(tables, replayTable(n, readers))
	}
	for _, m := range []memory{fresh, recycled} {
		for _, readers := range []int{1, 4, 16} {
			tables = append(tables, liveTable(n, readers, m))
		}
	}
	return tables
}

func appendTable(n, writers int, m memory) *ratio.Table {
	t := &ratio.Table{Title: fmt.Sprintf("Append, %s, %s, per append", m, count(writers, "writer")), Ours: Replay}
	for _, r := range Rivals[Word]() {
		if r.NoReplay || r.SameLog {
			continue
		}
		t.Rows = append(t.Rows, ratio.Row{Name: r.Name, Run: func() (s ratio.Sample, err error) {
			err = m.run(func() error {
				l, before := r.New(), allocated()
				d := TimeAppend(l, n, writers)
				s = sample(d, n, allocated()-before)
				return nil
			})
			return s, err
		}})
	}
	if writers == 1 && m == fresh {
		t.Goals = []ratio.Goal{
			{Row: Replay, Peer: Mutex, AtLeast: 1.8},
			{Row: Replay, Peer: Mutex, Unit: ratio.Bytes, AtLeast: 4},
		}
	}
	return t
}

func replayTable(n, readers int) *ratio.Table {
	t := &ratio.Table{Title: fmt.Sprintf("Replay, %s, per delivery", count(readers, "reader")), Ours: ReplayBatches}
	for _, r := range Rivals[Word]() {
		if r.NoReplay {
			continue
		}
		t.Rows = append(t.Rows, ratio.Row{Name: r.Name, Run: func() (ratio.Sample, error) {
			l := r.New()
			l.Append(0, n)
			l.Close()
			runtime.GC()
			d, passes, err := timePasses(l, n, readers)
			return sample(d, passes*n*readers, 0), err
		}})
	}
	t.Goals = []ratio.Goal{{Row: ReplayBatches, Peer: Mutex, AtMost: 1.3}}
	if readers == 1 {
		t.Goals = append(t.Goals, ratio.Goal{Row: Replay, AtMost: 4})
	}
	return t
}

// timePasses reads a finished log for at least 50 ms: one pass of the fastest rivals takes less than half of one.
func timePasses(l Log, n, readers int) (total time.Duration, passes int, err error) {
	for total < 50*time.Millisecond && err == nil {
		var d time.Duration
		d, err = TimeReplay(l, n, readers)
		total += d
		passes++
	}
	return total, passes, err
}

func liveTable(n, readers int, m memory) *ratio.Table {
	t := &ratio.Table{Title: fmt.Sprintf("Live, %s, 1 writer, %s, per append", m, count(readers, "reader")), Ours: Replay}
	for _, r := range Rivals[Word]() {
		t.Rows = append(t.Rows, ratio.Row{Name: r.Name, Run: func() (s ratio.Sample, err error) {
			err = m.run(func() error {
				l, before := r.New(), allocated()
				d, err := TimeLive(l, n, readers)
				s = sample(d, n, allocated()-before)
				return err
			})
			return s, err
		}})
	}
	for _, row := range []string{Replay, ReplayBatches} {
		if m == fresh {
			t.Goals = append(t.Goals, ratio.Goal{Row: row, Peer: Mutex, AtLeast: 1.5})
		}
		if readers == 16 {
			t.Goals = append(t.Goals, ratio.Goal{Row: row, Peer: Channels, AtLeast: 6})
		}
	}
	return t
}

func sample(d time.Duration, values int, bytes uint64) ratio.Sample {
	return ratio.Sample{
		Nanos: float64(d.Nanoseconds()) / float64(values),
		Bytes: float64(bytes) / float64(values),
	}
}

func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}
