package logs

import (
	"fmt"

	"github.com/cockroachdb/pebble"
)

// pebbleDB is Pebble's write-ahead log as a program gets it: DB.LogData puts a record into the log and nowhere else. Each
// is a batch with a header of its own, goes through the commit pipeline, and may come from any goroutine; nothing waits for
// the disk.
type pebbleDB struct{ db *pebble.DB }

func openPebbleDB(dir string) (Log, error) {
	db, err := pebble.Open(dir, &pebble.Options{Logger: silent{}})
	return pebbleDB{db}, err
}

func (l pebbleDB) Append(p []byte) error { return l.db.LogData(p, pebble.NoSync) }

func (l pebbleDB) Close() error { return l.db.Close() }

// silent logs nothing.
type silent struct{}

func (silent) Infof(string, ...any)              {}
func (silent) Errorf(string, ...any)             {}
func (silent) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }
