package logs

import (
	"fmt"
	"time"

	"github.com/sluice-go/sluice/bench/ratio"
	"github.com/sluice-go/sluice/diskq"
)

// Rivals by what an append that returned is worth.
func buffering() []Rival {
	return []Rival{
		{Name: PebbleDB, Open: openPebbleDB},
		{Name: Pebble, Open: openPebble(false), Read: readPebble},
		ours(diskq.Buffered),
	}
}

func writing() []Rival {
	return []Rival{
		{Name: Nsq, Open: openNsq(2500), Read: readNsq},
		{Name: Tidwall, Open: openTidwall, Read: readTidwall(false)},
		{Name: Wlog, Open: openWlog, Read: readWlog},
		{Name: BareSend, Open: openBare(false)},
		ours(diskq.Written),
	}
}

func syncing() []Rival {
	return []Rival{
		{Name: Bare, Open: openBare(true)},
		{Name: NsqSync, Open: openNsq(1)},
		{Name: RaftWAL, Open: openRaftWAL},
		{Name: Pebble, Open: openPebble(true)},
		ours(diskq.Durable),
	}
}

// Tables returns the tables of this package for n records of 100 bytes, fewer where they are larger or synced, with the
// goals that package diskq is held to.
func Tables(n int) []*ratio.Table {
	return []*ratio.Table{
		bufferedTable(n, 100, 1, 20, 2.5),
		bufferedTable(n, 100, 8, 12, 1.5),
		bufferedTable(n/4, 1<<10, 1, 5, 0),
		bufferedTable(n/40, 16<<10, 1, 3, 0),
		writtenTable(n),
		batchTable(n),
		durableTable(max(64, n/2000), 1),
		durableTable(max(64, n/200), 64),
		readTable(n, 1),
		readTable(4*n, 4), // long enough for it to be no matter whose processor is taken away for a moment
		liveTable(n),
		reopenTable(n),
	}
}

func row(name string, n int, run func() (time.Duration, error)) ratio.Row {
	return ratio.Row{Name: name, Run: func() (ratio.Sample, error) {
		d, err := run()
		return ratio.Sample{Nanos: float64(d.Nanoseconds()) / float64(n)}, err
	}}
}

func bufferedTable(n, size, writers int, nsq, pebble float64) *ratio.Table {
	t := &ratio.Table{Title: fmt.Sprintf("Disk, append, buffered, %d B, writers=%d", size, writers), Ours: Buffered}
	for _, r := range append([]Rival{{Name: Nsq, Open: openNsq(2500)}}, buffering()...) {
		t.Rows = append(t.Rows, row(r.Name, n, func() (time.Duration, error) { return TimeAppend(r, n, size, writers) }))
	}
	t.Goals = []ratio.Goal{{Row: Buffered, Peer: Nsq, AtLeast: nsq}}
	if pebble > 0 {
		t.Goals = append(t.Goals,
			ratio.Goal{Row: Buffered, Peer: PebbleDB, AtLeast: pebble},
			ratio.Goal{Row: Buffered, Peer: Pebble, AtLeast: pebble})
	}
	return t
}

func writtenTable(n int) *ratio.Table {
	t := &ratio.Table{Title: "Disk, append, handed to the system, 100 B, writers=1", Ours: Written}
	for _, r := range writing() {
		t.Rows = append(t.Rows, row(r.Name, n, func() (time.Duration, error) { return TimeAppend(r, n, 100, 1) }))
	}
	t.Goals = []ratio.Goal{{Row: Written, Peer: Nsq, AtLeast: 3}, {Row: Written, Peer: Tidwall, AtLeast: 2.5}}
	return t
}

func batchTable(n int) *ratio.Table {
	t := &ratio.Table{Title: "Disk, append, handed to the system, 100 B, 64 at once", Ours: Written}
	nsq := Rival{Name: Nsq, Open: openNsq(2500)}
	t.Rows = append(t.Rows, row(Nsq, n, func() (time.Duration, error) { return TimeAppend(nsq, n, 100, 1) })) // one by one: it has no other way
	for _, r := range []Rival{{Name: Wlog, Open: openWlog}, ours(diskq.Written)} {
		t.Rows = append(t.Rows, row(r.Name, n, func() (time.Duration, error) { return TimeBatches(r, n, 100, 64) }))
	}
	t.Goals = []ratio.Goal{{Row: Written, Peer: Nsq, AtLeast: 15}}
	return t
}

func durableTable(n, writers int) *ratio.Table {
	t := &ratio.Table{Title: fmt.Sprintf("Disk, append, synced, 100 B, writers=%d", writers), Ours: Durable}
	for _, r := range syncing() {
		fewer := n
		if writers > 1 && r.Name != Pebble && r.Name != Durable {
			fewer = max(writers, n/20) // they sync each record
		}
		t.Rows = append(t.Rows, row(r.Name, fewer, func() (time.Duration, error) { return TimeAppend(r, fewer, 100, writers) }))
	}
	if writers == 1 {
		t.Goals = []ratio.Goal{{Row: Durable, Peer: Bare, AtMost: 1.15}}
		return t
	}
	t.Goals = []ratio.Goal{
		{Row: Durable, Peer: Pebble, AtLeast: 1.5},
		{Row: Durable, Peer: RaftWAL, AtLeast: 30},
		{Row: Durable, Peer: NsqSync, AtLeast: 100},
	}
	return t
}

func readTable(n, readers int) *ratio.Table {
	t := &ratio.Table{Title: fmt.Sprintf("Disk, read all, 100 B, readers=%d", readers), Ours: Buffered}
	queue := openQueue(diskq.Buffered)
	rivals := []Rival{
		{Name: Nsq, Open: openNsq(2500), Read: readNsq},
		{Name: Tidwall, Open: openTidwall, Read: readTidwall(false)},
		{Name: NoCopy, Open: openTidwall, Read: readTidwall(true)},
		{Name: Kept, Open: queue, Read: readQueue(diskq.Bytes(), drain)},
	}
	if readers > 1 {
		rivals = nil // nsq takes away what another would read, tidwall/wal locks
	}
	rivals = append(rivals,
		Rival{Name: Wlog, Open: openWlog, Read: readWlog},
		Rival{Name: BareRead, Open: openFramed, Read: readFramed},
		Rival{Name: Pebble, Open: openPebble(false), Read: readPebble},
		ours(diskq.Buffered),
		Rival{Name: Batches, Open: queue, Read: readQueue(diskq.LentBytes(), drainBatches)})
	for _, r := range rivals {
		t.Rows = append(t.Rows, row(r.Name, n*readers, func() (time.Duration, error) { return TimeRead(r, n, 100, readers) }))
	}
	if readers > 1 {
		t.Goals = []ratio.Goal{
			{Row: Buffered, Peer: Wlog, AtLeast: 3},
			{Row: Batches, Peer: Wlog, AtLeast: 3},
		}
		return t
	}
	t.Goals = []ratio.Goal{
		{Row: Buffered, Peer: Tidwall, AtLeast: 4},
		{Row: Buffered, Peer: NoCopy, AtLeast: 4},
		{Row: Kept, Peer: Tidwall, AtLeast: 4},
		{Row: Buffered, Peer: Wlog, AtLeast: 1.8},
		{Row: Buffered, Peer: BareRead, AtMost: 1.8},
	}
	return t
}

func liveTable(n int) *ratio.Table {
	t := &ratio.Table{Title: "Disk, read while it is written, 100 B", Ours: Buffered}
	for _, r := range []Rival{{Name: Nsq, Open: openNsq(2500)}, ours(diskq.Written), ours(diskq.Buffered)} {
		t.Rows = append(t.Rows, row(r.Name, n, func() (time.Duration, error) { return TimeLive(r, n, 100) }))
	}
	t.Goals = []ratio.Goal{{Row: Buffered, Peer: Nsq, AtLeast: 20}}
	return t
}

// The figures of reopening are for the whole queue.
func reopenTable(n int) *ratio.Table {
	const sealed, killed = "diskq, closed", "diskq, killed"
	return &ratio.Table{
		Title: fmt.Sprintf("Disk, reopen, %d records of 100 B, in all", n), Ours: sealed,
		Rows: []ratio.Row{
			row(sealed, 1, func() (time.Duration, error) { return TimeReopen(n, 100, true) }),
			row(killed, 1, func() (time.Duration, error) { return TimeReopen(n, 100, false) }),
		},
		Goals: []ratio.Goal{{Row: sealed, AtMost: 5e6}, {Row: killed, AtMost: 30e6}},
	}
}
