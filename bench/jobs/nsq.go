package jobs

import (
	"math"
	"time"

	nsq "github.com/nsqio/go-diskqueue"
)

// OpenNsq opens a go-diskqueue with the options of nsqd: files of 100 MB, a sync every 2500 messages or 2 s.
func OpenNsq(dir, name string) nsq.Interface {
	return nsq.New(name, dir, 100<<20, 0, math.MaxInt32, 2500, 2*time.Second, func(nsq.LogLevel, string, ...any) {})
}

// readChan is the way to read that there is.
func readChan(dir string, n int) (time.Duration, error) {
	q := OpenNsq(dir, "bench")
	var t tally
	start := time.Now()
	errs := produce(n, q.Put)
	for range n {
		t.see(<-q.ReadChan())
	}
	took := time.Since(start)
	return took, join(<-errs, t.check(n), q.Close())
}
