// Ratios prints how Sluice's stores compare with their rivals, and whether they reach their goals.
//
//	go run ./cmd/ratios                       # everything: some ten minutes
//	go run ./cmd/ratios -run Live -rounds 15  # some tables, less noise
//	go run ./cmd/ratios -run Ring -procs 8    # with that GOMAXPROCS
//	go run ./cmd/ratios -patience 1m          # rounds wait while others use the processors
//
// The rows of a table are run one after the other in each round, so that what disturbs the machine disturbs them alike.
// docs/benchmarks.md says how to read the result.
package main

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"runtime"
	"slices"
	"time"

	"github.com/sluice-go/sluice/bench/helpers"
	"github.com/sluice-go/sluice/bench/jobs"
	"github.com/sluice-go/sluice/bench/logs"
	"github.com/sluice-go/sluice/bench/ratio"
	"github.com/sluice-go/sluice/bench/rings"
	"github.com/sluice-go/sluice/bench/spools"
	"github.com/sluice-go/sluice/bench/streams"
	"github.com/sluice-go/sluice/bench/topics"
	"github.com/sluice-go/sluice/bench/values"
)

func main() {
	rounds := flag.Int("rounds", 5, "how often each row is run")
	n := flag.Int("values", 1_000_000, "how many values each row handles")
	patience := flag.Duration("patience", 0, "how long each table may wait for a quiet machine")
	run := flag.String("run", "", "only tables whose title matches this `regexp`")
	procs := flag.Int("procs", 0, "GOMAXPROCS; 0: as it is")
	flag.Parse()
	runtime.GOMAXPROCS(*procs)
	if err := measure(*rounds, *n, *run, *patience); err != nil {
		fmt.Fprintln(os.Stderr, "ratios:", err)
		os.Exit(1)
	}
}

func measure(rounds, n int, run string, patience time.Duration) error {
	want, err := regexp.Compile(run)
	if err != nil {
		return err
	}
	if rounds < 1 || n < 1 {
		return fmt.Errorf("rounds and values must be at least 1, got %d and %d", rounds, n)
	}
	fmt.Printf("%s\n%d values, %d rounds\n\n", ratio.Machine(), n, rounds)
	tables := slices.Concat(
		values.Tables(n),
		rings.Tables(n),
		streams.Tables(n),
		logs.Tables(n),
		jobs.Tables(n),
		topics.Tables(n),
		spools.Tables(n),
		helpers.Tables(n),
	)
	for _, t := range tables {
		if !want.MatchString(t.Title) {
			continue
		}
		if err := t.Measure(rounds, patience); err != nil {
			return err
		}
		if err := t.Print(os.Stdout); err != nil {
			return err
		}
	}
	return nil
}
