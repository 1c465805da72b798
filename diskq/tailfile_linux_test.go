package diskq_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/diskq"
	"github.com/sluice-go/sluice/internal/fsx"
)

// Memory that the system can't provide, here because somebody cut the file, is an error of the queue, and not the end of the
// process. What had been written is there when it is opened again.
func TestFaultInTheTail(t *testing.T) {
	dir := t.TempDir()
	if m, err := (fsx.OS{}).MapFile(filepath.Join(dir, "probe"), 10); err != nil {
		t.Skipf("files can't be mapped here: %v", err)
	} else {
		must(t, m.Close())
	}
	q, err := diskq.Open(dir, diskq.String(), diskq.Options{SyncEvery: -1})
	must(t, err)
	defer q.Close()
	add(t, q, "safe")
	must(t, q.Sync(t.Context()))
	add(t, q, "perhaps")
	must(t, os.Truncate(filepath.Join(dir, "TAIL"), 0))
	for range 2 {
		if _, err := q.Append(t.Context(), "x"); err == nil || !strings.Contains(err.Error(), "must be opened again") {
			t.Fatalf("Append() = %v, want an error that says what to do", err)
		}
	}
	c := q.Cursor(sluice.Oldest())
	defer c.Close()
	for err == nil {
		_, err = c.Next(t.Context())
	}
	if errors.Is(err, sluice.ErrClosed) {
		t.Errorf("Next() = %v, want the fault", err)
	}
	if q.Close() == nil {
		t.Error("Close() = nil, want an error")
	}
	q, err = diskq.Open(dir, diskq.String(), diskq.Options{})
	must(t, err)
	defer q.Close()
	if r, err := readAll(q); err != nil || r.values[0] != "safe" || !q.Stats().Recovery.NewEpoch {
		t.Errorf("%v, %v, new epoch %v: want %q at 0, nil, true", r.values, err, q.Stats().Recovery.NewEpoch, "safe")
	}
}
