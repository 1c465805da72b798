package jobs_test

import (
	"testing"

	"github.com/sluice-go/sluice/bench/jobs"
)

// Every row runs, with few messages, and every message comes once.
func TestTablesRun(t *testing.T) {
	for _, table := range jobs.Tables(3000) {
		for _, r := range table.Rows {
			if s, err := r.Run(); err != nil || s.Nanos <= 0 {
				t.Errorf("%s: %s: %v, %v", table.Title, r.Name, s, err)
			}
		}
	}
}
