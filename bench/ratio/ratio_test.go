package ratio_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/sluice-go/sluice/bench/ratio"
)

// row returns a row that measures these figures in turn, and notes when it ran.
func row(name string, order *[]string, nanos ...float64) ratio.Row {
	n := 0
	return ratio.Row{Name: name, Run: func() (ratio.Sample, error) {
		*order = append(*order, name)
		n++
		return ratio.Sample{Nanos: nanos[n-1], Bytes: 2 * nanos[n-1]}, nil
	}}
}

func TestMeasureInterleaves(t *testing.T) {
	var order []string
	table := &ratio.Table{Title: "T", Ours: "a", Rows: []ratio.Row{
		row("a", &order, 10, 30, 20),
		row("b", &order, 40, 44, 99),
	}}
	if err := table.Measure(3, 0); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(order, ""); got != "abbaab" {
		t.Errorf("the rows ran in the order %s, want abbaab", got)
	}
	for i, want := range []struct{ median, min float64 }{{20, 10}, {44, 40}} {
		r := &table.Rows[i]
		if r.Median(ratio.Nanos) != want.median || r.Min(ratio.Nanos) != want.min || r.Min(ratio.Bytes) != 2*want.min {
			t.Errorf("row %d: median %v, min %v, want %v", i, r.Median(ratio.Nanos), r.Min(ratio.Nanos), want)
		}
	}
}

func TestGoals(t *testing.T) {
	var order []string
	table := &ratio.Table{Title: "T", Ours: "a", Rows: []ratio.Row{
		row("a", &order, 10, 30, 20),
		row("b", &order, 40, 44, 99),
	}}
	for _, tt := range []struct {
		goal    ratio.Goal
		verdict string
	}{
		{ratio.Goal{Row: "a", Peer: "b", AtLeast: 2.2}, "PASS"},
		{ratio.Goal{Row: "a", Peer: "b", AtLeast: 2.3}, "MISS?"}, // 4 by the minima
		{ratio.Goal{Row: "a", Peer: "b", AtLeast: 4.1}, "MISS"},
		{ratio.Goal{Row: "b", Peer: "a", AtMost: 2.2}, "PASS?"},
		{ratio.Goal{Row: "b", Peer: "a", Unit: ratio.Bytes, AtMost: 2.1}, "MISS"},
		{ratio.Goal{Row: "a", AtMost: 20}, "PASS"},
		{ratio.Goal{Row: "a", AtMost: 9}, "MISS"},
	} {
		table.Goals = append(table.Goals, tt.goal)
		defer func(i int) {
			if got := table.Results()[i]; got.Verdict() != tt.verdict {
				t.Errorf("%v: %s, want %s", got, got.Verdict(), tt.verdict)
			}
		}(len(table.Goals) - 1)
	}
	if err := table.Measure(3, 0); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := table.Print(&out); err != nil {
		t.Fatal(err)
	}
	if want := "PASS  b / a at least 2.2 (ns): 2.20 (min 4.00)"; !strings.Contains(out.String(), want) {
		t.Errorf("Print wrote\n%swithout %q", &out, want)
	}
}

func TestMeasureStopsAtAnError(t *testing.T) {
	table := &ratio.Table{Title: "T", Rows: []ratio.Row{{Name: "a", Run: func() (ratio.Sample, error) {
		return ratio.Sample{}, errors.New("lost a value")
	}}}}
	if err := table.Measure(1, 0); err == nil || err.Error() != "T: a: lost a value" {
		t.Errorf("Measure = %v, want an error that names table and row", err)
	}
}
