//go:build linux || darwin

package diskq_test

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/diskq"
)

var kills = flag.Int("kills", 3, "how often TestKill kills a writer, with each durability")

// TestMain makes the test binary the writer that others kill: SLUICE_CHILD says in which directory it appends, and how.
func TestMain(m *testing.M) {
	if spec := os.Getenv("SLUICE_CHILD"); spec != "" {
		dir, durability, _ := strings.Cut(spec, "|")
		d, err := strconv.Atoi(durability)
		if err == nil {
			err = child(dir, diskq.Durability(d))
		}
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// child appends from four goroutines until it is killed, and prints each offset when its value is acknowledged.
func child(dir string, d diskq.Durability) error {
	q, err := diskq.Open(dir, diskq.String(), diskq.Options{Durability: d, SegmentBytes: 1 << 16})
	if err != nil {
		return err
	}
	var mu sync.Mutex
	errs := make(chan error)
	for range 4 {
		go func() {
			for i := 0; ; i++ {
				off, n, err := appendSome(q, i)
				if err != nil {
					errs <- err
					return
				}
				mu.Lock()
				fmt.Println(off, n)
				mu.Unlock()
			}
		}()
	}
	return <-errs
}

// appendSome appends a value, or now and then three at once. Each says how many it came with.
func appendSome(q *diskq.DiskQueue[string], i int) (off sluice.Offset, n int, err error) {
	if i%10 != 9 {
		off, err = q.Append(ctxBackground, "1 alone")
		return off, 1, err
	}
	off, err = q.AppendAll(ctxBackground, []string{"3 first", "3 second", "3 third"})
	return off, 3, err
}

// A process that is killed loses nothing that was acknowledged, and leaves no half batch.
func TestKill(t *testing.T) {
	for _, d := range []diskq.Durability{diskq.Written, diskq.Durable} {
		dir := t.TempDir()
		var c *sluice.Cursor[string] // follows all the writers, while they live and die
		for round := range *kills {
			acked := killOne(t, dir, d, time.Duration(30+round*17%100)*time.Millisecond)
			if c == nil {
				r, err := diskq.OpenReader(dir, diskq.String(), diskq.ReaderOptions{})
				must(t, err)
				defer r.Close()
				c = r.Cursor(sluice.Oldest())
				defer c.Close()
			}
			checkFollower(t, c, d, checkKilled(t, dir, d, acked))
		}
	}
}

// killOne runs a writer, kills it, and returns the end of what it acknowledged.
func killOne(t *testing.T, dir string, d diskq.Durability, after time.Duration) (end sluice.Offset) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), fmt.Sprintf("SLUICE_CHILD=%s|%d", dir, d))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	must(t, err)
	if err := cmd.Start(); errors.Is(err, syscall.ENOEXEC) {
		t.Skip("emulated: it can't start itself again")
	} else if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	started := lines.Scan() // so something was acknowledged, however slow the machine
	kill := time.AfterFunc(after, func() { cmd.Process.Kill() })
	defer kill.Stop()
	n := 0
	for more := started; more; more = lines.Scan() {
		var off, count int64
		if c, _ := fmt.Sscan(lines.Text(), &off, &count); c == 2 { // the last line may be torn
			end = max(end, sluice.Offset(off+count))
			n++
		}
	}
	cmd.Wait()
	if !started || n == 0 {
		t.Fatal("the writer acknowledged nothing")
	}
	return end
}

// checkKilled returns where the queue ends.
func checkKilled(t *testing.T, dir string, d diskq.Durability, acked sluice.Offset) sluice.Offset {
	q, err := diskq.Open(dir, diskq.String(), diskq.Options{})
	must(t, err)
	defer q.Close()
	epoch := q.Stats().Recovery.NewEpoch
	r, err := readAll(q)
	must(t, err)
	if r.next < acked || len(r.gaps) > 0 || epoch {
		t.Fatalf("%v: after kill -9 the end is %d, want at least %d; gaps %v, want none; a new epoch: %v, want none", d, r.next, acked, r.gaps, epoch)
	}
	for off := sluice.Offset(0); off < r.next; {
		switch v := r.values[off]; {
		case v == "1 alone":
			off++
		case v == "3 first" && r.values[off+1] == "3 second" && r.values[off+2] == "3 third":
			off += 3
		default:
			t.Fatalf("%v: value %d = %q: no whole append", d, off, v)
		}
	}
	return r.next
}

// checkFollower reads up to the end that another process left.
func checkFollower(t *testing.T, c *sluice.Cursor[string], d diskq.Durability, end sluice.Offset) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	for c.Offset() < end {
		if v, err := c.Next(ctx); err != nil || v != "1 alone" && v[:2] != "3 " {
			t.Fatalf("%v: the follower got %q, %v at %d, before the end at %d", d, v, err, c.Offset(), end)
		}
	}
}

// A limit on the size of files makes the kernel write short, for real.
func TestShortWritesOfTheKernel(t *testing.T) {
	if os.Getenv("SLUICE_LIMITED") == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^TestShortWritesOfTheKernel$")
		cmd.Env = append(os.Environ(), "SLUICE_LIMITED=1")
		out, err := cmd.CombinedOutput()
		if errors.Is(err, syscall.ENOEXEC) {
			t.Skip("emulated: it can't start itself again")
		}
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	var limit syscall.Rlimit
	must(t, syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit))
	dir := t.TempDir()
	q, err := diskq.Open(dir, diskq.String(), diskq.Options{})
	must(t, err)
	appended := map[sluice.Offset]string{}
	for round := range 40 {
		small := limit
		small.Cur = 2000 + 997*uint64(round)
		must(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &small))
		failed := false
		for i := 0; !failed; i++ {
			v := value(100*round + i)
			off, err := q.Append(t.Context(), v)
			if failed = err != nil; !failed {
				appended[off] = v
			} else if !errors.Is(err, syscall.EFBIG) {
				t.Fatalf("Append() = %v, want EFBIG", err)
			}
		}
		must(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit))
		off, err := q.Append(t.Context(), "room")
		must(t, err)
		appended[off] = "room"
	}
	must(t, q.Close())
	q, err = diskq.Open(dir, diskq.String(), diskq.Options{})
	must(t, err)
	defer q.Close()
	r, err := readAll(q)
	must(t, err)
	if int(r.next) != len(appended) || len(r.gaps) > 0 {
		t.Fatalf("the end is %d with gaps %v, want %d and none", r.next, r.gaps, len(appended))
	}
	for off, v := range appended {
		if r.values[off] != v {
			t.Fatalf("value %d = %q, want %q", off, r.values[off], v)
		}
	}
}

// A small tmpfs fills up and is drained, again and again. It needs root, and skips without.
func TestSmallDisk(t *testing.T) {
	dir := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=1m", "sluice", dir).CombinedOutput(); err != nil {
		t.Skipf("mount: %v: %s", err, out)
	}
	defer func() {
		if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
			t.Errorf("umount: %v: %s", err, out)
		}
	}()
	q, err := diskq.Open(dir+"/queue", diskq.String(), diskq.Options{SegmentBytes: 1 << 16})
	must(t, err)
	read := 0
	for range 5 {
		n := fillUp(t, q)
		r, err := readAll(q) // consuming needs no room
		must(t, err)
		if len(r.gaps) > 0 || n < 100 {
			t.Fatalf("%d values fitted, with gaps %v, want many and none", n, r.gaps)
		}
		for off, v := range r.values {
			if v != value(int(off)) {
				t.Fatalf("value %d = %q, want %q", off, v, value(int(off)))
			}
		}
		read += len(r.values)
		must(t, q.Trim(r.next-100))
	}
	must(t, q.Close())
	q, err = diskq.Open(dir+"/queue", diskq.String(), diskq.Options{})
	must(t, err)
	r, err := readAll(q)
	must(t, err)
	if len(r.gaps) > 0 || len(r.values) < 100 {
		t.Errorf("%d values are left, with gaps %v", len(r.values), r.gaps)
	}
	must(t, q.Close())
}

// fillUp appends until the disk is full, and a bit, and returns how many fitted.
func fillUp(t *testing.T, q *diskq.DiskQueue[string]) (n int) {
	for failed := 0; failed < 10; {
		_, next := q.Bounds()
		off, err := q.Append(t.Context(), value(int(next)))
		switch {
		case errors.Is(err, syscall.ENOSPC):
			failed++
		case err != nil || off != next:
			t.Fatalf("Append() = %d, %v, want %d, or ENOSPC", off, err, next)
		default:
			n++
		}
	}
	return n
}
