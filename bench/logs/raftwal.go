package logs

import (
	"io"
	"sync"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	wal "github.com/hashicorp/raft-wal"
)

// raftLog is hashicorp/raft-wal: each call of StoreLog is synced.
type raftLog struct {
	mu sync.Mutex
	w  *wal.WAL
	n  uint64
}

func openRaftWAL(dir string) (Log, error) {
	w, err := wal.Open(dir, wal.WithLogger(hclog.New(&hclog.LoggerOptions{Output: io.Discard})))
	return &raftLog{w: w}, err
}

func (l *raftLog) Append(p []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.n++
	return l.w.StoreLog(&raft.Log{Index: l.n, Data: p})
}

func (l *raftLog) Close() error { return l.w.Close() }
