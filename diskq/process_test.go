//go:build linux || darwin

package diskq_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/diskq"
)

// A queue that another process writes can't be opened, and the error says which; it can be followed, through rolls, while
// that lives and when it is gone.
func TestOtherProcess(t *testing.T) {
	at := t.TempDir()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), fmt.Sprintf("SLUICE_CHILD=%s|%d", at, diskq.Buffered))
	out, err := cmd.StdoutPipe()
	must(t, err)
	if err := cmd.Start(); errors.Is(err, syscall.ENOEXEC) {
		t.Skip("emulated: it can't start itself again")
	} else if err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	lines := bufio.NewScanner(out)
	if !lines.Scan() {
		t.Fatal("the writer acknowledged nothing")
	}
	go func() {
		for lines.Scan() { // so that it goes on
		}
	}()
	_, err = diskq.Open(at, diskq.String(), diskq.Options{})
	locked := (*diskq.LockedError)(nil)
	if !errors.As(err, &locked) || locked.PID != cmd.Process.Pid || !strings.Contains(err.Error(), fmt.Sprint("process ", cmd.Process.Pid)) {
		t.Errorf("Open() = %v, want a *LockedError that names process %d", err, cmd.Process.Pid)
	}
	if err := diskq.Destroy(at); !errors.As(err, &locked) {
		t.Errorf("Destroy() = %v, want a *LockedError", err)
	}
	r, err := diskq.OpenReader(at, diskq.String(), diskq.ReaderOptions{})
	must(t, err)
	defer r.Close()
	c := r.Cursor(sluice.Oldest())
	defer c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	for c.Offset() < 10_000 { // some three segments
		if v, err := c.Next(ctx); err != nil || v != "1 alone" && !strings.HasPrefix(v, "3 ") {
			t.Fatalf("Next() at %d = %q, %v", c.Offset(), v, err)
		}
	}
	must(t, cmd.Process.Kill())
	cmd.Wait()
	q, err := diskq.Open(at, diskq.String(), diskq.Options{})
	must(t, err)
	defer q.Close()
	if s := q.Stats(); s.Segments < 3 || s.Next < c.Offset() {
		t.Errorf("Stats() = %+v, want several segments, and no less than was followed, %d", s, c.Offset())
	}
}
