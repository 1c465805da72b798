//go:build unix

package rings

import (
	"fmt"
	"time"

	"github.com/sluice-go/sluice/bench/idle"
	"github.com/sluice-go/sluice/bench/ratio"
	"github.com/sluice-go/sluice/bench/values"
)

// idleTables returns the tables of what readers cost that wait for two seconds.
func idleTables() (tables []*ratio.Table) {
	for _, readers := range []int{64, 1000} {
		tables = append(tables, idleTable(readers, 2*time.Second))
	}
	return tables
}

// idleTable has nanoseconds of processor time in a millisecond: 1000 is 0.1 % of one processor.
func idleTable(readers int, quiet time.Duration) *ratio.Table {
	t := &ratio.Table{Title: fmt.Sprintf("Ring idle, %d readers, processor time in each ms", readers), Ours: Gated}
	for _, name := range []string{Channels, Disruptor, Gated, Overwrite} {
		r := of[values.Word](name)
		t.Rows = append(t.Rows, ratio.Row{Name: name, Run: func() (ratio.Sample, error) {
			return ratio.Sample{Nanos: idleCost(r, readers, quiet)}, nil
		}})
	}
	atMost := 1000.0
	if readers > 64 {
		atMost = 10_000
	}
	t.Goals = []ratio.Goal{{Row: Gated, AtMost: atMost}, {Row: Overwrite, AtMost: atMost}}
	return t
}

// idleCost returns the processor time of the process in each millisecond while that many readers wait.
func idleCost(r Rival, readers int, quiet time.Duration) float64 {
	l := r.New(capacity)
	rs := open(l, readers)
	rs.started.Wait()
	l.Append(0, 1)
	time.Sleep(50 * time.Millisecond) // for those that sleep to get there; the others never do
	cost := idle.Cost(quiet)
	l.Close()
	rs.wg.Wait()
	return float64(cost.Nanoseconds()) / float64(quiet.Milliseconds())
}
