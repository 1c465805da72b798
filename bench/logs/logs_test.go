package logs_test

import (
	"testing"

	"github.com/sluice-go/sluice/bench/logs"
)

// Every row of every table runs, with few records, and its readers find all of them.
func TestTablesRun(t *testing.T) {
	for _, table := range logs.Tables(2000) {
		for _, r := range table.Rows {
			if s, err := r.Run(); err != nil || s.Nanos <= 0 {
				t.Errorf("%s: %s: %v, %v", table.Title, r.Name, s, err)
			}
		}
	}
}

func TestTallyFindsWhatIsWrong(t *testing.T) {
	var tally logs.Tally
	if tally.See([]byte("12345678")) == nil {
		t.Error("See() of a wrong record = nil, want an error")
	}
	if tally.Check(1) == nil {
		t.Error("Check() without a record = nil, want an error")
	}
}
