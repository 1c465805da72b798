package spool_test

import (
	"bufio"
	"compress/gzip"
	"context"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sluice-go/sluice/internal/fsx"
	"github.com/sluice-go/sluice/spool"
)

var kills = flag.Int("kills", 3, "how often each TestKill kills the process that writes")

const (
	killDir     = "SLUICE_TEST_KILL_DIR" // set: this process is the one that is killed
	killVariant = "SLUICE_TEST_KILL_VARIANT"
)

var killVariants = map[string]spool.DirOptions{
	"lines":   {Framing: spool.Lines},
	"lengths": {Framing: spool.Lengths, TempDir: "temp"},
	"gzip":    {Framing: spool.Lengths, Compress: spool.Gzip(gzip.BestSpeed)},
}

// A process that writes as fast as it can is killed (SIGKILL) at a random moment, again and again, while another one uses
// the same directory: no finished file is ever partial or changes, no name is used again, no message is there twice, and
// everything that was flushed is there.
func TestKill(t *testing.T) {
	if dir := os.Getenv(killDir); dir != "" {
		writeUntilKilled(t, dir, killVariants[os.Getenv(killVariant)])
		return
	}
	for variant, o := range killVariants {
		t.Run(variant, func(t *testing.T) { killLoop(t, variant, o) })
	}
}

func killLoop(t *testing.T, variant string, o spool.DirOptions) {
	dir := t.TempDir()
	neighbour, err := spool.Open(filepath.Join(dir, "out"), killOptions(dir, o))
	if err != nil {
		t.Fatal(err)
	}
	k := &killed{t: t, out: filepath.Join(dir, "out"), framing: o.Framing, flushed: map[string]bool{}, files: map[string]string{}}
	for round := range *kills {
		cmd := exec.Command(os.Args[0], "-test.run=^TestKill$")
		cmd.Env = append(os.Environ(), killDir+"="+dir, killVariant+"="+variant, fmt.Sprintf("SLUICE_TEST_KILL_ROUND=%d", round))
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		n := k.follow(bufio.NewScanner(out), 1+rand.IntN(20))
		time.Sleep(rand.N(5 * time.Millisecond)) // not to synchronize, but to kill at another moment each time
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, out)
		cmd.Wait()
		if n == 0 {
			t.Fatalf("round %d: the process flushed nothing", round)
		}
		msg := fmt.Sprintf("neighbour %d", round)
		puts(t, neighbour, msg)
		if err := neighbour.Flush(t.Context()); err != nil {
			t.Errorf("Flush() = %v, want nil", err)
		}
		k.flushed[msg] = true
		k.check()
	}
	closed(t, neighbour)
	d, err := spool.Open(filepath.Join(dir, "out"), killOptions(dir, o)) // recovers the last one's files
	if err != nil {
		t.Fatal(err)
	}
	closed(t, d)
	k.check()
	_, _, others := files(t, fsx.OS{}, k.out, o.Framing)
	for _, name := range others {
		if e := filepath.Ext(name); e != ".torn" && e != ".incomplete" {
			t.Errorf("%s is left over", name)
		}
	}
	t.Logf("%d files, %d messages flushed, %d set aside", len(k.files), len(k.flushed), len(others))
}

func killOptions(dir string, o spool.DirOptions) spool.DirOptions {
	o.Prefix, o.Workers, o.BufferBytes, o.MaxFileBytes = "p-", 3, 2000, 20_000
	o.MaxFileAge = 20 * time.Millisecond
	o.Timeout, o.CloseWithin = time.Minute, time.Minute // of real time, on a real disk: nothing is refused because that is slow
	if o.TempDir != "" {
		o.TempDir = filepath.Join(dir, o.TempDir)
	}
	return o
}

// writeUntilKilled writes numbered messages from several goroutines, flushes now and then, and says after each flush up to
// which number each goroutine's are safe.
func writeUntilKilled(t *testing.T, dir string, o spool.DirOptions) {
	d, err := spool.Open(filepath.Join(dir, "out"), killOptions(dir, o))
	if err != nil {
		t.Fatal(err)
	}
	round := os.Getenv("SLUICE_TEST_KILL_ROUND")
	var mu sync.Mutex
	var accepted [4]int
	for g := range accepted {
		go func() {
			for i := 0; ; i++ {
				msg := killMessage(round, g, i)
				var err error
				if i%50 == 49 {
					_, err = d.WriteFrom(strings.NewReader(msg))
				} else {
					_, err = d.Write([]byte(msg))
				}
				if err != nil {
					fmt.Println("error", err)
					return
				}
				mu.Lock()
				accepted[g] = i + 1
				mu.Unlock()
			}
		}()
	}
	for {
		mu.Lock()
		before := accepted
		mu.Unlock()
		if err := d.Flush(context.Background()); err != nil {
			fmt.Println("error", err)
		}
		fmt.Println("flushed", round, before[0], before[1], before[2], before[3])
	}
}

func killMessage(round string, g, i int) string {
	return fmt.Sprintf("%s %d %d %s", round, g, i, strings.Repeat("x", i*37%300+i%100/97*3000))
}

// killed is what is known of the directory.
type killed struct {
	t       *testing.T
	out     string
	framing spool.Framing
	flushed map[string]bool
	files   map[string]string
}

// follow notes what the process says that it flushed, n times.
func (k *killed) follow(s *bufio.Scanner, n int) (seen int) {
	for seen < n && s.Scan() {
		var round string
		var safe [4]int
		if _, err := fmt.Sscanf(s.Text(), "flushed %s %d %d %d %d", &round, &safe[0], &safe[1], &safe[2], &safe[3]); err != nil {
			k.t.Errorf("the process says %q", s.Text())
			continue
		}
		seen++
		for g := range safe {
			for i := safe[g] - 1; i >= 0; i-- {
				msg := killMessage(round, g, i)
				if k.flushed[msg] {
					break
				}
				k.flushed[msg] = true
			}
		}
	}
	return seen
}

func (k *killed) check() {
	names, messages, _ := files(k.t, fsx.OS{}, k.out, k.framing)
	seen := map[string]string{}
	for _, name := range names {
		for _, msg := range messages[name] {
			if in, twice := seen[msg]; twice {
				k.t.Errorf("message %q is in %s and in %s", abbreviated(msg), in, name)
			}
			seen[msg] = name
		}
		holds := strings.Join(messages[name], "\n")
		if was, ok := k.files[name]; ok && was != holds {
			k.t.Errorf("%s changed", name)
		}
		k.files[name] = holds
	}
	for name := range k.files {
		if messages[name] == nil {
			k.t.Errorf("%s is gone", name)
		}
	}
	for msg := range k.flushed {
		if seen[msg] == "" {
			k.t.Errorf("message %q was flushed and is not there", abbreviated(msg))
		}
	}
}
