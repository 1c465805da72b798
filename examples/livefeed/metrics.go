package main

import (
	"context"
	"math"
	"runtime/metrics"
	"slices"
	"strconv"
	"time"

	"github.com/sluice-go/sluice"
)

// sampled are the metrics to follow; one that this version of Go does not have is left out.
var sampled = [...]string{
	"/sched/goroutines:goroutines",
	"/memory/classes/heap/objects:bytes",
	"/gc/heap/allocs:bytes",
	"/gc/cycles/total:gc-cycles",
	"/sync/mutex/wait/total:seconds",
	"/sched/latencies:seconds",
}

// sample appends measurements of this process until ctx is done: at once, and then each time that every has passed.
func sample(ctx context.Context, every time.Duration, to sluice.Sink[Event]) error {
	s := newSampler()
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		if _, err := to.AppendAll(ctx, s.read()); err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// sampler reads metrics.
type sampler struct {
	samples []metrics.Sample
	kinds   []string            // of samples
	before  map[string][]uint64 // the counts of each histogram at the last read
	events  []Event
}

func newSampler() *sampler {
	s := &sampler{before: map[string][]uint64{}}
	for _, d := range metrics.All() {
		if !slices.Contains(sampled[:], d.Name) {
			continue
		}
		kind := "gauge"
		switch {
		case d.Kind == metrics.KindFloat64Histogram:
			kind = "p99"
		case d.Cumulative:
			kind = "counter"
		}
		s.samples = append(s.samples, metrics.Sample{Name: d.Name})
		s.kinds = append(s.kinds, kind)
	}
	return s
}

// read returns one event for each metric. The slice is valid until the next read.
func (s *sampler) read() []Event {
	metrics.Read(s.samples)
	now := time.Now()
	s.events = s.events[:0]
	for i, m := range s.samples {
		v := s.value(m)
		s.events = append(s.events, Event{
			Time:   now,
			Source: "metrics",
			Text:   m.Name + " " + strconv.FormatFloat(v, 'f', -1, 64),
			Metric: Metric{Name: m.Name, Kind: s.kinds[i], Value: v},
		})
	}
	return s.events
}

// value returns the one number that stands for m.
func (s *sampler) value(m metrics.Sample) float64 {
	switch m.Value.Kind() {
	case metrics.KindUint64:
		return float64(m.Value.Uint64())
	case metrics.KindFloat64:
		return m.Value.Float64()
	case metrics.KindFloat64Histogram:
		h := m.Value.Float64Histogram()
		counts := slices.Clone(h.Counts)
		for i, n := range s.before[m.Name] {
			counts[i] -= n
		}
		s.before[m.Name] = slices.Clone(h.Counts)
		return p99(counts, h.Buckets)
	}
	return 0
}

// p99 returns the finite upper end of the bucket below which 99 % of all counts are; 0 if there are none. Bucket i
// reaches from bounds[i] to bounds[i+1].
func p99(counts []uint64, bounds []float64) float64 {
	var total, seen uint64
	for _, n := range counts {
		total += n
	}
	if total == 0 {
		return 0
	}
	for i, n := range counts {
		if seen += n; seen >= total-total/100 {
			if math.IsInf(bounds[i+1], 1) {
				return bounds[i]
			}
			return bounds[i+1]
		}
	}
	return 0
}
