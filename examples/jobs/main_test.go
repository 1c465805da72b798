package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/diskq"
)

const childDir = "SLUICE_JOBS_DIR"

// TestMain makes the test binary the program that is killed.
func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		add := 0
		fmt.Sscan(os.Getenv("SLUICE_JOBS_ADD"), &add)
		if err := run(context.Background(), options{dir: dir, add: add, workers: 8, work: time.Millisecond}, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// The program is killed in the middle of its work, again and again; then every job is done, or among the dead letters.
func TestNoJobIsLost(t *testing.T) {
	dir := t.TempDir()
	const kills, each = 6, 300
	for range kills {
		was := lines(t, dir)
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), childDir+"="+dir, fmt.Sprintf("SLUICE_JOBS_ADD=%d", each))
		cmd.Stderr = os.Stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(2 * time.Minute); lines(t, dir) < was+50; { // it has begun to work
			if time.Now().After(deadline) {
				t.Fatal("the program does not work")
			}
			time.Sleep(time.Millisecond) // of real time: the program is another process
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		cmd.Wait()
	}
	var out strings.Builder
	if err := run(t.Context(), options{dir: dir, workers: 8, once: true}, &out); err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(out.String(), "\n0 jobs are left\n") {
		t.Errorf("the program said %q", out.String())
	}
	check(t, dir, kills*each)
}

func lines(t *testing.T, dir string) int {
	data, err := os.ReadFile(filepath.Join(dir, "done.txt"))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return strings.Count(string(data), "\n")
}

func check(t *testing.T, dir string, jobs int) {
	done := map[int]int{}
	data, err := os.ReadFile(filepath.Join(dir, "done.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		var n, square int
		if _, err := fmt.Sscanf(line, "%d %d", &n, &square); err != nil || square != n*n {
			t.Errorf("done.txt has the line %q", line)
		}
		done[n]++
	}
	dead, err := diskq.Open(filepath.Join(dir, "dead"), diskq.JSON[diskq.Delivery[int]](), diskq.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer dead.Close()
	buried := map[int]bool{}
	cur := dead.Cursor(sluice.Oldest())
	defer cur.Close()
	values, why := cur.Backlog(t.Context())
	for d := range values {
		buried[d.Value] = true
	}
	if err := why(); err != nil {
		t.Fatal(err)
	}
	again := 0
	for n := range jobs {
		if hopeless := n%333 == 0; hopeless && (!buried[n] || done[n] > 0) || !hopeless && done[n] == 0 {
			t.Errorf("job %d was done %d times; among the dead letters: %v", n, done[n], buried[n])
		}
		again += max(0, done[n]-1)
	}
	if most := 6 * 8; again > most {
		t.Errorf("%d jobs were done again, want at most one for each worker and kill, %d", again, most)
	}
}
