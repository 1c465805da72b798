package rings

import (
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/sluice-go/sluice/bench/ratio"
	"github.com/sluice-go/sluice/bench/values"
	"github.com/sluice-go/sluice/ring"
)

const (
	capacity = 1024
	large    = 65_536
)

// Tables returns the tables of this package for n values, with the goals that package ring is held to. Tables with many
// readers handle fewer.
func Tables(n int) (tables []*ratio.Table) {
	for _, readers := range []int{1, 4, 16, 64} {
		tables = append(tables, fanOutTable[values.Word](n/few(readers), readers, everybody()))
	}
	for _, readers := range []int{1, 4, 16, 64} {
		tables = append(tables, fanOutTable[values.Record](n/few(readers), readers, recordRows))
	}
	tables = append(tables, fanOutTable[values.Word](n/few(1000), 1000, crowdRows))
	for _, readers := range []int{1, 16} {
		tables = append(tables, capacityTable(n/few(readers), readers))
	}
	for _, readers := range []int{1, 16} {
		tables = append(tables, processorsTable(n/few(readers), readers))
	}
	tables = append(tables, publishTable[values.Word](n), publishTable[values.Record](n))
	for _, writers := range []int{2, 4} {
		tables = append(tables, writersTable(n, writers))
	}
	tables = append(tables, positionsTable(n))
	for _, readers := range []int{1, 4, 16} {
		tables = append(tables, latencyTable(max(n/200, 100), readers))
	}
	return append(tables, idleTables()...)
}

// few returns by what the number of values is divided, so that tables with many readers don't take for ever.
func few(readers int) int {
	switch {
	case readers > 64:
		return 20
	case readers > 16:
		return 10
	case readers > 4:
		return 5
	case readers > 1:
		return 2
	}
	return 1
}

var (
	recordRows = []string{
		Channels, Cond16, Slots, Disruptor, Disruptor16, GoDisruptor, GoDisruptor16, Bound,
		Gated, Gated16, GatedFill16, GatedSingle16, Overwrite, Overwrite16,
	}
	crowdRows = []string{
		Disruptor, Disruptor16, GoDisruptor, GoDisruptor16, Cond,
		Gated, GatedBatches, Gated16, GatedSingleBatches, GatedSingle16,
	}
)

func everybody() (names []string) {
	for _, r := range Rivals[values.Word]() {
		names = append(names, r.Name)
	}
	return names
}

func fanOutTable[T values.Value](n, readers int, rows []string) *ratio.Table {
	t := &ratio.Table{
		Title: fmt.Sprintf("Ring, %s, capacity %d, %s, per append", typeName[T](), capacity, count(readers, "reader")),
		Ours:  Gated,
	}
	for _, name := range rows {
		t.Rows = append(t.Rows, fanOutRow(name, of[T](name), capacity, n, 1, readers))
	}
	t.Goals = slices.DeleteFunc(goals(readers), func(g ratio.Goal) bool {
		return !slices.Contains(rows, g.Row) || !slices.Contains(rows, g.Peer)
	})
	if typeName[T]() != int64Name {
		t.Goals = []ratio.Goal{
			{Row: Gated16, Peer: GoDisruptor16, AtLeast: 0.9},
			{Row: Gated16, Peer: Disruptor16, AtLeast: 0.9},
		}
	}
	return t
}

// goals returns those for int64 with that many readers.
func goals(readers int) (gs []ratio.Goal) {
	atLeast := func(row, peer string, times map[int]float64) {
		if x, ok := times[readers]; ok {
			gs = append(gs, ratio.Goal{Row: row, Peer: peer, AtLeast: x})
		}
	}
	// Appending one at a time. A channel hands out values one by one, as Gated does; the others read whole batches without a
	// call for each value, and Disruptor and GoDisruptor have a single writer. The goals are set for GoDisruptor; Disruptor is
	// the stricter peer.
	for _, row := range []string{Gated, GatedBatches, GatedSingleBatches} {
		atLeast(row, Channels, map[int]float64{1: 3.3, 4: 12, 16: 35, 64: 45})
	}
	for _, row := range []string{GatedBatches, GatedSingleBatches} {
		atLeast(row, Cond, map[int]float64{1: 1.9, 4: 1.9, 16: 1.9, 64: 1.9})
		for _, peer := range []string{GoDisruptor, Disruptor} {
			atLeast(row, peer, map[int]float64{1: 3, 4: 5, 16: 1.8, 64: 1.4, 1000: 1})
		}
	}
	for _, row := range []string{Gated16, GatedSingle16} {
		for _, peer := range []string{GoDisruptor16, Disruptor16} {
			atLeast(row, peer, map[int]float64{1: 2.5, 4: 1.5, 16: 1.2, 64: 1.2})
		}
	}
	atLeast(Single, Slots, map[int]float64{1: 5, 4: 5, 16: 5}) // one writer
	atLeast(Overwrite, SlotsShared, map[int]float64{1: 5, 4: 5, 16: 5})
	atLeast(GatedChan, Channels, map[int]float64{16: 2})
	atLeast(GatedChanFull, Channels, map[int]float64{16: 2})
	if readers == 16 || readers == 64 {
		gs = append(gs, ratio.Goal{Row: GatedSingle16, Peer: Bound, AtMost: 1.1})
	}
	return gs
}

func fanOutRow(name string, r Rival, capacity, n, writers, readers int) ratio.Row {
	return ratio.Row{Name: name, Run: func() (s ratio.Sample, err error) {
		before := allocated()
		var total time.Duration
		passes := 0
		for total < 30*time.Millisecond && err == nil { // a run of the fastest takes less
			var run Run
			run, err = TimeFanOut(r, capacity, n, writers, readers)
			total += run.Time
			s.Missed += 100 * run.Missed
			passes++
		}
		s.Nanos = float64(total.Nanoseconds()) / float64(n*passes)
		s.Bytes = float64(allocated()-before) / float64(n*passes)
		s.Missed /= float64(passes)
		return s, err
	}}
}

// received is a row by the values that readers received: a large ring misses fewer, and so does more.
func received(r ratio.Row) ratio.Row {
	return ratio.Row{Name: r.Name + ", by received", Run: func() (ratio.Sample, error) {
		s, err := r.Run()
		s.Nanos /= 1 - s.Missed/100
		return s, err
	}}
}

// capacityTable compares a large ring with a small one.
func capacityTable(n, readers int) *ratio.Table {
	t := &ratio.Table{Title: fmt.Sprintf("Ring, int64, capacities, %s, per append", count(readers, "reader")), Ours: Gated}
	for _, name := range []string{Disruptor, Gated, Gated16, Overwrite, Overwrite16} {
		r, big := of[values.Word](name), fmt.Sprintf("%s, %d", name, large)
		a, b := fanOutRow(name, r, capacity, n, 1, readers), fanOutRow(big, r, large, n, 1, readers)
		t.Rows = append(t.Rows, a, b)
		if r.Lossy {
			a, b = received(a), received(b)
			t.Rows = append(t.Rows, a, b)
			t.Goals = append(t.Goals, ratio.Goal{Row: b.Name, Peer: a.Name, AtMost: 1.1})
		}
		if name != Disruptor {
			t.Goals = append(t.Goals, ratio.Goal{Row: big, Peer: name, AtMost: 1.1}) // a tenth for the noise
		}
	}
	return t
}

// processorsTable compares GOMAXPROCS as it is with others: nothing may get worse by more than noise.
func processorsTable(n, readers int) *ratio.Table {
	t := &ratio.Table{Title: fmt.Sprintf("Ring, int64, GOMAXPROCS, %s, per append", count(readers, "reader")), Ours: Gated}
	for _, name := range []string{
		Channels, Disruptor, GoDisruptor, Gated, GatedBatches, Gated16, GatedChan, GatedSingleBatches, Overwrite, Single,
	} {
		row := fanOutRow(name, of[values.Word](name), capacity, n, 1, readers)
		t.Rows = append(t.Rows, row)
		for _, procs := range []int{1, 8} {
			other := ratio.Row{Name: fmt.Sprintf("%s, %d", name, procs), Run: func() (ratio.Sample, error) {
				defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
				return row.Run()
			}}
			t.Rows = append(t.Rows, other)
			if name != Channels && name != Disruptor && name != GoDisruptor {
				t.Goals = append(t.Goals, ratio.Goal{Row: other.Name, Peer: name, AtMost: 1.25}) // a quarter is noise
			}
		}
	}
	return t
}

func publishTable[T values.Value](n int) *ratio.Table {
	t := &ratio.Table{Title: fmt.Sprintf("Ring publish, %s, no reader, per append", typeName[T]()), Ours: Single}
	for _, r := range Rivals[T]() {
		if !r.Modest {
			continue
		}
		t.Rows = append(t.Rows, ratio.Row{Name: r.Name, Run: func() (ratio.Sample, error) {
			l := r.New(capacity)
			before := allocated()
			var total time.Duration
			passes := 0
			for ; total < 30*time.Millisecond; passes++ {
				total += TimePublish(l, capacity, n)
			}
			appended := passes * (n + 4*capacity)
			// What the first values allocate is rounded off: a million come behind them.
			return ratio.Sample{
				Nanos: float64(total.Nanoseconds()) / float64(passes*n),
				Bytes: float64((allocated() - before) / uint64(appended)),
			}, nil
		}})
	}
	t.Goals = []ratio.Goal{
		{Row: Single, Peer: Slots, AtLeast: 3},
		{Row: Overwrite, Peer: SlotsShared, AtLeast: 3},
		{Row: Single, Peer: GoDisruptor, AtMost: 1.2},
		{Row: Single, Peer: Disruptor, AtMost: 1.2},
		{Row: Single16, Peer: GoDisruptor16, AtMost: 1.2},
		{Row: Single16, Peer: Disruptor16, AtMost: 1.2},
		{Row: Single, Unit: ratio.Bytes, AtMost: 0},
		{Row: Overwrite, Unit: ratio.Bytes, AtMost: 0},
		{Row: Gated, Unit: ratio.Bytes, AtMost: 0},
	}
	return t
}

func writersTable(n, writers int) *ratio.Table {
	t := &ratio.Table{Title: fmt.Sprintf("Ring, int64, %d writers, 1 reader, per append", writers), Ours: Gated}
	for _, r := range Rivals[values.Word]() {
		if r.Writers {
			t.Rows = append(t.Rows, fanOutRow(r.Name, r, capacity, n, writers, 1))
		}
	}
	t.Goals = []ratio.Goal{
		{Row: Gated, Peer: Channels, AtLeast: 1},
		{Row: Overwrite, Peer: Channels, AtLeast: 1},
	}
	return t
}

func positionsTable(n int) *ratio.Table {
	t := &ratio.Table{Title: "Ring, false sharing: 2 readers store their positions, per store", Ours: "padded"}
	for _, name := range []string{"padded", "unpadded"} {
		t.Rows = append(t.Rows, ratio.Row{Name: name, Run: func() (ratio.Sample, error) {
			d := timePositions(name == "padded", n, 2)
			return ratio.Sample{Nanos: float64(d.Nanoseconds()) / float64(n)}, nil
		}})
	}
	return t
}

func latencyTable(n, readers int) *ratio.Table {
	t := &ratio.Table{
		Title: fmt.Sprintf("Ring wake-up, one value per %v, until the last of %s has it", between, count(readers, "parked reader")),
		Ours:  Gated,
	}
	lines := map[string]func() line{
		Channels:  func() line { return newChannelLine(n) },
		Gated:     func() line { return newRingLine(ring.Options{Policy: ring.Gated}, n) },
		Overwrite: func() line { return newRingLine(ring.Options{}, n) },
	}
	for _, name := range []string{Channels, Gated, Overwrite} {
		t.Rows = append(t.Rows, ratio.Row{Name: name, Run: func() (ratio.Sample, error) {
			l, err := measureLatency(lines[name](), n, readers)
			return ratio.Sample{Nanos: float64(l.P50), P99: float64(l.P99)}, err
		}})
	}
	if readers > 1 {
		t.Goals = []ratio.Goal{{Row: Gated, Peer: Channels, AtMost: 1}, {Row: Overwrite, Peer: Channels, AtMost: 1}}
	}
	return t
}

const int64Name = "int64"

// typeName says what T measures like.
func typeName[T values.Value]() string {
	if len(*new(T)) == 1 {
		return int64Name
	}
	return fmt.Sprintf("%d B", 8*len(*new(T)))
}

func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

// allocated returns how many bytes the process has allocated so far.
func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}
