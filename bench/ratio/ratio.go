// Package ratio measures rows against each other on a machine that is not quiet.
//
// Absolute times of one run can't be compared with those of another when something else uses the processors. So the rows
// of a table are interleaved: each round runs every row once, in an order that rotates, and what disturbs a round
// disturbs its rows alike. A row's figures are the median and the minimum over the rounds; a goal is about the quotient
// of two rows, and is met if that of the medians is.
package ratio

import (
	"fmt"
	"math"
	"runtime"
	"slices"
	"time"
)

// Table is a set of rows that are measured together.
type Table struct {
	Title string
	Ours  string // the row that the others are compared with when the table is printed
	Rows  []Row
	Goals []Goal

	processors float64 // the mean of what [Processors] returned before each round
}

// Row is one thing that is measured.
type Row struct {
	Name string
	// Run measures it once. The collector has run before.
	Run func() (Sample, error)

	samples []Sample
}

// Sample is what one run of a row measured.
type Sample struct {
	Nanos  float64 // for each value
	Bytes  float64 // allocated for each value
	Missed float64 // percent of all deliveries, where readers may miss values
	P99    float64 // nanoseconds; Nanos is the median then
	P999   float64 // the same, for 99.9 percent
	Worst  float64 // nanoseconds of the longest operation
	Held   float64 // bytes in use afterwards, for each byte that was given
}

// A Unit is a part of a [Sample].
type Unit string

const (
	Nanos  Unit = "ns"
	Bytes  Unit = "B"
	Missed Unit = "% missed"
	P99    Unit = "ns p99"
	P999   Unit = "ns p99.9"
	Worst  Unit = "ns worst"
	Held   Unit = "held"
)

func (s Sample) in(u Unit) float64 {
	switch u {
	case Bytes:
		return s.Bytes
	case Missed:
		return s.Missed
	case P99:
		return s.P99
	case P999:
		return s.P999
	case Worst:
		return s.Worst
	case Held:
		return s.Held
	}
	return s.Nanos
}

// Measure runs every row once in each of that many rounds. It stops at the first error. Before a round it waits while others
// use the processors, for at most patience in all rounds together.
func (t *Table) Measure(rounds int, patience time.Duration) error {
	for round := range rounds {
		t.processors += quiet(&patience) / float64(rounds)
		for i := range t.Rows {
			r := &t.Rows[(round+i)%len(t.Rows)]
			runtime.GC()
			s, err := r.Run()
			if err != nil {
				return fmt.Errorf("%s: %s: %w", t.Title, r.Name, err)
			}
			r.samples = append(r.samples, s)
		}
	}
	return nil
}

// row returns the row of that name; a goal that names none is a mistake in the program.
func (t *Table) row(name string) *Row {
	i := slices.IndexFunc(t.Rows, func(r Row) bool { return r.Name == name })
	if i < 0 {
		panic(fmt.Sprintf("ratio: table %q has no row %q", t.Title, name))
	}
	return &t.Rows[i]
}

// Median returns the median of what was measured: the mean of the middle two if the rounds are even. NaN if nothing was.
func (r *Row) Median(u Unit) float64 {
	s := r.sorted(u)
	if len(s) == 0 {
		return math.NaN()
	}
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}

// Min returns the least that was measured, which is the least disturbed. NaN if nothing was.
func (r *Row) Min(u Unit) float64 {
	s := r.sorted(u)
	if len(s) == 0 {
		return math.NaN()
	}
	return s[0]
}

func (r *Row) sorted(u Unit) []float64 {
	s := make([]float64, 0, len(r.samples))
	for _, x := range r.samples {
		s = append(s, x.in(u))
	}
	slices.Sort(s)
	return s
}
