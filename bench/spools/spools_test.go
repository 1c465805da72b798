package spools_test

import (
	"testing"

	"github.com/sluice-go/sluice/bench/spools"
)

// Whoever does not drop lines must deliver all of them: the shapes check it.
func TestRivalsDeliverEverything(t *testing.T) {
	for _, r := range spools.Rivals() {
		for _, goroutines := range []int{1, 8} {
			if _, err := spools.TimeFile(r, 10_000, 100, goroutines, 4096); err != nil {
				t.Errorf("%s, %d goroutines, to a file: %v", r.Name, goroutines, err)
			}
			if r.New == nil {
				continue
			}
			run, err := spools.TimeSlow(r, 50, 100, goroutines, 1024)
			if err != nil || run.P999 < run.P50 {
				t.Errorf("%s, %d goroutines, to a slow sink: %+v, %v", r.Name, goroutines, run, err)
			}
		}
	}
}

func TestDirRivalsDeliverEverything(t *testing.T) {
	for _, r := range spools.DirRivals() {
		if _, err := spools.TimeDir(r, 2000, 1024, 8, 512<<10); err != nil {
			t.Errorf("%s: %v", r.Name, err)
		}
	}
}
