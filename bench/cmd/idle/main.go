//go:build unix

// Idle prints what readers cost that wait on one log: the processor time of the process while nothing is appended, and,
// for appends that have to wake them, the time of the call and the time until the last reader has the value.
//
//	go run ./cmd/idle
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/sluice-go/sluice/bench/idle"
	"github.com/sluice-go/sluice/bench/ratio"
)

func main() {
	rounds := flag.Int("rounds", 50, "how many appends are timed for each number of readers")
	quiet := flag.Duration("quiet", 2*time.Second, "how long nothing is appended")
	flag.Parse()
	if err := measure(max(1, *rounds), *quiet); err != nil {
		fmt.Fprintln(os.Stderr, "idle:", err)
		os.Exit(1)
	}
}

func measure(rounds int, quiet time.Duration) error {
	fmt.Printf("%s\n%d appends each\n\n", ratio.Machine(), rounds)
	tw := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(tw, "readers\tCPU in %v idle\tappend median\tmin\tlast reader median\tmin\t\n", quiet)
	for _, readers := range []int{0, 1, 100, 10_000} {
		c := idle.NewCrowd(readers)
		runtime.GC()
		cpu := c.Idle(quiet)
		var appends, lasts []time.Duration
		for range rounds {
			w := c.Wake()
			appends = append(appends, w.Append)
			lasts = append(lasts, w.Last)
		}
		if wrong := c.Close(); wrong != 0 {
			return fmt.Errorf("%d readers: %d values out of order", readers, wrong)
		}
		slices.Sort(appends)
		slices.Sort(lasts)
		fmt.Fprintf(tw, "%d\t%v\t%v\t%v\t%v\t%v\t\n", readers, cpu, appends[rounds/2], appends[0], lasts[rounds/2], lasts[0])
	}
	return tw.Flush()
}
