package spools

import (
	"fmt"
	"runtime"

	"github.com/sluice-go/sluice/bench/ratio"
)

const (
	fileBuffer = 256 << 10 // zap's default, and ours
	// slowBuffer is smaller, so that more than one call in a thousand meets a full buffer: else the p99.9 of those who
	// write in the caller's time does not show it.
	slowBuffer = 64 << 10
	dirFile    = 16 << 20
)

// Tables returns the tables of this package for n lines of 100 B, with the goals that package spool is held to. Tables
// with larger lines handle fewer.
func Tables(n int) (tables []*ratio.Table) {
	for _, size := range []int{100, 1024} {
		for _, goroutines := range []int{1, 8} {
			tables = append(tables, fileTable(n*100/size, size, goroutines))
		}
	}
	for _, size := range []int{100, 1024} {
		for _, goroutines := range []int{1, 8} {
			tables = append(tables, slowTable(max(n*100/size/25, 1000), size, goroutines))
		}
	}
	for _, goroutines := range []int{1, 8} {
		tables = append(tables, dirTable(max(n/5, 1000), goroutines))
	}
	return tables
}

func fileTable(n, size, goroutines int) *ratio.Table {
	t := &ratio.Table{Title: fmt.Sprintf("Spool, to a file, %d B, %s, per line", size, count(goroutines)), Ours: Spool}
	for _, r := range Rivals() {
		t.Rows = append(t.Rows, ratio.Row{Name: r.Name, Run: func() (ratio.Sample, error) {
			before := allocated()
			run, err := TimeFile(r, n, size, goroutines, fileBuffer)
			return ratio.Sample{
				Nanos:  float64(run.Time.Nanoseconds()) / float64(n),
				Bytes:  float64(allocated()-before) / float64(n),
				Missed: 100 * run.Lost,
			}, err
		}})
	}
	if size == 100 {
		t.Goals = []ratio.Goal{
			{Row: Spool, Peer: Mutex, AtLeast: 5},
			{Row: Spool, Peer: Lumberjack, AtLeast: 5},
			{Row: Spool, Peer: Phuslu, AtLeast: 4},
			{Row: Spool, Peer: Zap, AtMost: 1.2},
		}
	}
	return t
}

func slowTable(n, size, goroutines int) *ratio.Table {
	t := &ratio.Table{Title: fmt.Sprintf("Spool, to a sink of 5 ms, %d B, %s, a call of Write", size, count(goroutines)), Ours: Spool}
	for _, r := range Rivals() {
		if r.New == nil {
			continue
		}
		lines := n
		if r.Each && !r.Loses {
			lines = 400 // which take two seconds
		}
		t.Rows = append(t.Rows, ratio.Row{Name: r.Name, Run: func() (ratio.Sample, error) {
			run, err := TimeSlow(r, lines, size, goroutines, slowBuffer)
			return ratio.Sample{
				Nanos:  float64(run.P50.Nanoseconds()),
				P999:   float64(run.P999.Nanoseconds()),
				Missed: 100 * run.Lost,
			}, err
		}})
	}
	t.Goals = []ratio.Goal{{Row: Spool, Peer: Zap, Unit: ratio.P999, AtLeast: 100}}
	return t
}

func dirTable(n, goroutines int) *ratio.Table {
	t := &ratio.Table{Title: fmt.Sprintf("Spool, synced files of %d MiB, 1 KiB, %s, per message", dirFile>>20, count(goroutines)), Ours: SpoolDir}
	for _, r := range DirRivals() {
		t.Rows = append(t.Rows, ratio.Row{Name: r.Name, Run: func() (ratio.Sample, error) {
			run, err := TimeDir(r, n, 1024, goroutines, dirFile)
			return ratio.Sample{Nanos: float64(run.Time.Nanoseconds()) / float64(n)}, err
		}})
	}
	if goroutines == 8 {
		t.Goals = []ratio.Goal{{Row: SpoolDir, Peer: OneFile, AtLeast: 3}}
	}
	return t
}

func count(goroutines int) string {
	if goroutines == 1 {
		return "1 goroutine"
	}
	return fmt.Sprintf("%d goroutines", goroutines)
}

// allocated returns how many bytes the process has allocated so far.
func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}
