package logs

import (
	"math"
	"time"

	nsq "github.com/nsqio/go-diskqueue"
)

// nsqLog is nsqio/go-diskqueue with the options of nsqd: files of 100 MB, a sync every 2500 messages or 2 s. Each
// message is a write of its own, handed over to one goroutine.
type nsqLog struct{ nsq.Interface }

func openNsq(syncEvery int64) func(dir string) (Log, error) {
	return func(dir string) (Log, error) {
		return nsqLog{nsq.New("bench", dir, 100<<20, 0, math.MaxInt32, syncEvery, 2*time.Second, func(nsq.LogLevel, string, ...any) {})}, nil
	}
}

func (l nsqLog) Append(p []byte) error { return l.Put(p) }

// readNsq takes the messages out, which is the only way to read them.
func readNsq(dir string, f func(p []byte) error) error {
	log, err := openNsq(2500)(dir)
	if err != nil {
		return err
	}
	q := log.(nsqLog)
	for n := q.Depth(); n > 0; n-- {
		if err := f(<-q.ReadChan()); err != nil {
			return err
		}
	}
	return q.Close()
}
