package jobs_test

import (
	"bufio"
	"context"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	nsq "github.com/nsqio/go-diskqueue"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/bench/jobs"
	"github.com/sluice-go/sluice/diskq"
)

func silent(nsq.LogLevel, string, ...any) {}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func message(n int) string { return fmt.Sprintf("message %d %s", n, strings.Repeat("x", n%50)) }

// imported returns what ImportNSQ takes over from a directory.
func imported(t testing.TB, dir string) ([]string, diskq.ImportReport) {
	t.Helper()
	q, err := diskq.Open(t.TempDir(), diskq.String(), diskq.Options{})
	must(t, err)
	defer q.Close()
	r, err := diskq.ImportNSQ(t.Context(), dir, "q", q)
	must(t, err)
	cur := q.Cursor(sluice.Oldest())
	defer cur.Close()
	var got []string
	values, why := cur.Backlog(t.Context())
	for v := range values {
		got = append(got, v)
	}
	must(t, why())
	if again, err := diskq.ImportNSQ(t.Context(), dir, "q", q); err != nil || again.Messages != 0 {
		t.Errorf("a second ImportNSQ() moved %d messages, %v, want 0", again.Messages, err)
	}
	return got, r
}

func want(t testing.TB, got []string, from, to int) {
	t.Helper()
	var w []string
	for i := from; i < to; i++ {
		w = append(w, message(i))
	}
	if !slices.Equal(got, w) {
		t.Errorf("%d messages were moved, the first %.20q, want %d from %q on", len(got), slices.Concat(got, []string{""})[0], len(w), message(from))
	}
}

// Queues that go-diskqueue has written and closed, with files of many sizes, read up to many places.
func TestImportWhatNsqWrote(t *testing.T) {
	const n = 300
	for _, fileBytes := range []int64{60, 500, 4000, 1 << 20} {
		for _, read := range []int{0, 1, 7, 150, n - 1, n} {
			dir := t.TempDir()
			q := nsq.New("q", dir, fileBytes, 0, math.MaxInt32, 1000, time.Hour, silent)
			for i := range n {
				must(t, q.Put([]byte(message(i))))
			}
			for range read {
				<-q.ReadChan()
			}
			must(t, q.Close())
			got, r := imported(t, dir)
			want(t, got, read, n)
			if r.Metadata != nil || len(r.Damage) > 0 || len(r.Bad) > 0 {
				t.Errorf("files of %d bytes, %d read: report %+v", fileBytes, read, r)
			}
		}
	}
}

// What is found while go-diskqueue is still open is what kill -9 leaves: its metadata is as old as its last sync.
func TestImportWithStaleMetadata(t *testing.T) {
	const n = 300
	for _, syncEvery := range []int64{1, 40, 1000} {
		dir, found := t.TempDir(), t.TempDir()
		q := nsq.New("q", dir, 2000, 0, math.MaxInt32, syncEvery, time.Hour, silent)
		for i := range n {
			must(t, q.Put([]byte(message(i))))
		}
		must(t, os.CopyFS(found, os.DirFS(dir)))
		must(t, q.Close())
		got, r := imported(t, found)
		want(t, got, 0, n)
		if len(r.Damage) > 0 {
			t.Errorf("sync every %d: report %+v", syncEvery, r)
		}
	}
}

// go-diskqueue gives up a damaged file, and the import what lies behind the damage; both say so.
func TestImportDamagedFiles(t *testing.T) {
	dir := t.TempDir()
	q := nsq.New("q", dir, 2000, 0, math.MaxInt32, 1000, time.Hour, silent)
	const n = 300
	for i := range n {
		must(t, q.Put([]byte(message(i))))
	}
	must(t, q.Close())
	files, err := filepath.Glob(filepath.Join(dir, "q.diskqueue.0*.dat"))
	must(t, err)
	data, err := os.ReadFile(files[1])
	must(t, err)
	data[0] = 0x7f // the length of the first message
	must(t, os.WriteFile(files[1], data, 0o600))
	must(t, os.Truncate(files[3], 1001))
	got, r := imported(t, dir)
	if len(r.Damage) != 2 || r.Damage[0].File != files[1] || r.Damage[0].Pos != 0 || r.Damage[0].Bytes != int64(len(data)) || r.Damage[1].File != files[3] {
		t.Errorf("Damage = %+v, want the two files", r.Damage)
	}
	next := 0
	for _, m := range got { // in order, with holes
		for next < n && message(next) != m {
			next++
		}
		next++
	}
	if next > n || len(got) < n/2 || got[len(got)-1] != message(n-1) {
		t.Errorf("%d messages were moved, and not in order", len(got))
	}
	q = nsq.New("q", dir, 2000, 0, math.MaxInt32, 1000, time.Hour, silent)
	for m := range q.ReadChan() {
		if string(m) == message(n-1) {
			break
		}
	}
	must(t, q.Close())
	if _, r := imported(t, dir); len(r.Bad) == 0 {
		t.Error("Bad is empty, and go-diskqueue gave up a file")
	}
}

const childDir = "SLUICE_JOBS_CHILD"

// TestMain makes the test binary the process that TestDepthAfterKill kills.
func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		if err := child(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		select {} // to be killed
	}
	os.Exit(m.Run())
}

// child puts 1000 messages into both queues, and is done with 300.
func child(dir string) error {
	ctx := context.Background()
	n := nsq.New("q", dir, 100<<20, 0, math.MaxInt32, 2500, time.Hour, silent) // jobs.OpenNsq, but for its sync after 2 s
	q, err := diskq.Open(filepath.Join(dir, "diskq"), diskq.String(), diskq.Options{})
	if err != nil {
		return err
	}
	c, err := q.Consumer("c", diskq.ConsumerOptions{SaveAfter: 1})
	if err != nil {
		return err
	}
	for i := range 1000 {
		if err := n.Put([]byte(message(i))); err != nil {
			return err
		}
		if _, err := q.Append(ctx, message(i)); err != nil {
			return err
		}
	}
	for range 300 {
		<-n.ReadChan()
		d, err := c.Receive(ctx)
		if err != nil {
			return err
		}
		if err := d.Ack(); err != nil {
			return err
		}
	}
	_, err = fmt.Println("ready")
	return err
}

// After kill -9 the depth of a consumer is exact. That of go-diskqueue is what it was at its last sync: here there was none, so
// it says 0 with 1000 messages in its files.
func TestDepthAfterKill(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childDir+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	must(t, cmd.Process.Kill())
	cmd.Wait()
	if line != "ready\n" {
		t.Fatalf("the child said %q, %v", line, err)
	}
	q, err := diskq.Open(filepath.Join(dir, "diskq"), diskq.String(), diskq.Options{})
	must(t, err)
	defer q.Close()
	c, err := q.Consumer("c", diskq.ConsumerOptions{})
	must(t, err)
	if got := c.Depth(); got != 700 {
		t.Errorf("Depth() after kill -9 = %d, want 700", got)
	}
	n := jobs.OpenNsq(dir, "q")
	defer n.Close()
	if got := n.Depth(); got == 700 {
		t.Errorf("go-diskqueue's Depth() after kill -9 = %d: it is right, so the comparison is out of date", got)
	} else {
		t.Logf("Depth after kill -9, of 700: diskq %d, go-diskqueue %d", c.Depth(), got)
	}
}
