package logs

import (
	"errors"
	"sync"

	"github.com/tidwall/wal"
)

// tidwallLog is tidwall/wal without its sync after each write: one write for each record.
type tidwallLog struct {
	mu sync.Mutex
	l  *wal.Log
	n  uint64
}

func openTidwall(dir string) (Log, error) {
	l, err := wal.Open(dir, &wal.Options{NoSync: true})
	return &tidwallLog{l: l}, err
}

func (l *tidwallLog) Append(p []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.n++
	return l.l.Write(l.n, p)
}

func (l *tidwallLog) Close() error { return l.l.Close() }

// readTidwall returns a Read that gets a copy of each record, which is the default, or with noCopy a piece of the segment,
// which is in memory as a whole. Neither has a checksum to verify.
func readTidwall(noCopy bool) func(dir string, f func(p []byte) error) error {
	return func(dir string, f func(p []byte) error) error {
		l, err := wal.Open(dir, &wal.Options{NoSync: true, NoCopy: noCopy})
		if err != nil {
			return err
		}
		last, err := l.LastIndex()
		for i := uint64(1); err == nil && i <= last; i++ {
			var p []byte
			if p, err = l.Read(i); err == nil {
				err = f(p)
			}
		}
		return errors.Join(err, l.Close())
	}
}
