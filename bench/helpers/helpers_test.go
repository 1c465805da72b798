package helpers_test

import (
	"testing"

	"github.com/sluice-go/sluice/bench/helpers"
)

func TestChainsAgree(t *testing.T) {
	for _, c := range helpers.Chains() {
		for _, n := range []int{2, 10, 1000} {
			want := 0
			for v := 1; v < n; v += 2 {
				want += 3 * v
			}
			if got := c.Sum(helpers.Numbers(n), n/2); got != want || helpers.ChainSum(n) != want {
				t.Errorf("%s of %d = %d, want %d, and ChainSum() = %d", c.Name, n, got, want, helpers.ChainSum(n))
			}
			if got := c.Sum(helpers.Numbers(n), 1); got != 3 {
				t.Errorf("%s of %d that takes one = %d, want 3", c.Name, n, got)
			}
		}
	}
}

func TestWorkersAgree(t *testing.T) {
	const steps = 3
	for _, w := range helpers.Workers() {
		for _, n := range []int{0, 1, 64, 65, 5000} {
			want := 0
			for v := range n {
				want += helpers.Work(v, steps)
			}
			if got, err := w.Sum(n, steps); got != want || err != nil {
				t.Errorf("%s of %d = %d, %v, want %d, nil", w.Name, n, got, err, want)
			}
		}
	}
}

func TestChannelsAgree(t *testing.T) {
	for _, s := range helpers.Senders() {
		for _, r := range helpers.Receivers() {
			_, _, values, sum := helpers.TimePairs(5000, s.Fill, r.Sum)
			if values < 5000 || sum != helpers.PairSum(values) {
				t.Errorf("%s to %s: the sum of %d values is %d, want %d", s.Name, r.Name, values, sum, helpers.PairSum(values))
			}
		}
	}
}

// Every row of every table runs, and finds its sum right.
func TestTablesRun(t *testing.T) {
	for _, table := range helpers.Tables(1000) {
		if err := table.Measure(1, 0); err != nil {
			t.Error(err)
		}
		if got, want := len(table.Results()), len(table.Goals); got != want || want == 0 {
			t.Errorf("%s: %d results, want %d, at least one", table.Title, got, want)
		}
	}
}
