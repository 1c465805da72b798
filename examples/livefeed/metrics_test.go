package main

import (
	"context"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-go/sluice"
)

func TestMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFeed(defaults(t))
		ctx, cancel := context.WithCancel(ctx)
		done := make(chan error)
		go func() { done <- sample(ctx, time.Second, f) }()
		cur := f.Cursor(sluice.Oldest())
		defer cur.Close()
		begin := time.Now()
		kinds := map[string]int{}
		for n := range 3 * len(sampled) {
			ev, err := cur.Next(ctx)
			if err != nil || ev.Source != "metrics" || ev.Metric.Name == "" || !strings.HasPrefix(ev.Text, ev.Metric.Name+" ") {
				t.Fatalf("Next() = %+v, %v, want a metric, nil", ev, err)
			}
			if got, want := ev.Time.Sub(begin), time.Duration(n/len(sampled))*time.Second; got != want {
				t.Errorf("event %d is of %v, want %v", n, got, want)
			}
			kinds[ev.Metric.Kind]++
		}
		if kinds["counter"] == 0 || kinds["gauge"] == 0 || kinds["p99"] == 0 || len(kinds) != 3 {
			t.Errorf("the kinds are %v, want counter, gauge and p99", kinds)
		}
		cancel()
		<-done
	})
}

func TestP99(t *testing.T) {
	inf := math.Inf(1)
	bounds := []float64{-inf, 1, 2, 3, inf}
	for _, test := range []struct {
		counts []uint64
		want   float64
	}{
		{[]uint64{0, 0, 0, 0}, 0},
		{[]uint64{1, 0, 0, 0}, 1},
		{[]uint64{99, 0, 1, 0}, 1},
		{[]uint64{98, 0, 2, 0}, 3},
		{[]uint64{0, 1, 0, 0}, 2},
		{[]uint64{0, 0, 0, 7}, 3},
	} {
		if got := p99(test.counts, bounds); got != test.want {
			t.Errorf("p99(%v) = %v, want %v", test.counts, got, test.want)
		}
	}
}
