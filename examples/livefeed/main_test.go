package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestMain lets the test binary be the program, for tests that start and stop it.
func TestMain(m *testing.M) {
	if os.Getenv("LIVEFEED_RUN") != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

func TestUsage(t *testing.T) {
	dir := t.TempDir()
	busy := listen(t)
	defer busy.Close()
	done, cancel := context.WithCancel(ctx)
	cancel()
	for _, test := range []struct {
		args string
		code int
		want string // in stderr, or in stdout for code 0
	}{
		{"-h", 0, "-write-timeout"},
		{"-nonsense", 2, "nonsense"},
		{"app.log", 2, "-file"},
		{"- -every 1s", 2, "flags come before"},
		{"-file app.log -", 2, "both"},
		{"-existing", 2, "-file"},
		{"-keep -1", 2, "at least 0"},
		{"-every 0s", 2, "more than 0"},
		{"-heartbeat x", 2, "heartbeat"},
		{"-file " + dir, 1, "is a directory"},
		{"-addr " + busy.Addr().String(), 1, "in use"},
		{"-addr 127.0.0.1:99999", 1, "port"},
		{"-addr 127.0.0.1:0", 0, "metrics on http://127.0.0.1:"},
		{"-addr :0", 0, "http://localhost:"},
		{"-addr 127.0.0.1:0 -file " + filepath.Join(dir, "log"), 0, "events"},
	} {
		if runtime.GOOS == "windows" && test.want == "in use" {
			continue // another wording
		}
		var stdout, stderr bytes.Buffer
		code := run(done, strings.Fields(test.args), strings.NewReader(""), &stdout, &stderr)
		said := stderr.String()
		if test.code == 0 {
			said = stdout.String()
		}
		if code != test.code || !strings.Contains(said, test.want) {
			t.Errorf("livefeed %s: exit code %d, %q, want %d, %q", test.args, code, said, test.code, test.want)
		}
	}
}

// TestStdinEnds: what is retained is served behind the end of the input, too, until the program is stopped.
func TestStdinEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stdout, out := io.Pipe()
	defer stdout.Close()
	j := newJournal()
	code := make(chan int)
	go func() {
		code <- run(ctx, []string{"-addr=127.0.0.1:0", "-"}, strings.NewReader("0\n1\n2"), out, j)
	}()
	addr := announced(t, stdout)
	j.wait(t, "the input ended")
	for range 2 {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		c := follow(t, conn, "/events", "")
		c.wantGreeting(-1)
		c.wantValues(0, 2)
		c.wantEvent("live", 2, `{"next":3}`)
		c.wantEvent("end", 2, `{"error":""}`)
		c.wantEnd()
	}
	cancel()
	if got := <-code; got != 0 {
		t.Errorf("exit code %d, want 0", got)
	}
}

// announced reads the announcement and returns the address in it.
func announced(t *testing.T, r io.Reader) string {
	t.Helper()
	lines := bufio.NewScanner(r)
	var addr string
	for n := 0; n < 3 && lines.Scan(); n++ {
		if _, url, ok := strings.Cut(lines.Text(), "http://"); ok && addr == "" {
			addr, _, _ = strings.Cut(url, "/")
		}
	}
	if addr == "" {
		t.Fatalf("no address was announced: %v", lines.Err())
	}
	go io.Copy(io.Discard, r)
	return addr
}

// TestSignals stops the real program while a client follows.
func TestSignals(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no signals")
	}
	for _, sig := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		t.Run(sig.String(), func(t *testing.T) {
			t.Parallel()
			exe, err := os.Executable()
			if err != nil {
				t.Fatal(err)
			}
			cmd := exec.CommandContext(ctx, exe, "-addr=127.0.0.1:0", "-")
			cmd.Env = append(os.Environ(), "LIVEFEED_RUN=1")
			stdin, err1 := cmd.StdinPipe()
			stdout, err2 := cmd.StdoutPipe()
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			if err := errors.Join(err1, err2, cmd.Start()); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { cmd.Process.Kill() })
			addr := announced(t, stdout)
			conn, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			c := follow(t, conn, "/events", "")
			c.wantGreeting(-1)
			c.wantEvent("live", -1, `{"next":0}`)
			io.WriteString(stdin, "0\n")
			c.wantValues(0, 0)

			begin := time.Now()
			if err := cmd.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
			c.wantEnd() // without an event end: the client is to come back
			err = cmd.Wait()
			if code := cmd.ProcessState.ExitCode(); code != 0 {
				t.Errorf("exit code %d (%v), want 0; stderr: %s", code, err, &stderr)
			}
			t.Logf("stopped in %v", time.Since(begin))
		})
	}
}
