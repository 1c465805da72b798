package spool_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
)

var errSink = errors.New("the disk is on fire")

// A sink is a writer that does what a test tells it, and remembers everything.
type sink struct {
	mu     sync.Mutex
	out    bytes.Buffer
	calls  []string      // what each call was given
	synced []int         // how much was in out at each Sync
	fail   error         // what Write returns
	short  int           // at most that many bytes are taken by one Write; 0: all
	hang   chan struct{} // Write waits until it is closed
	busy   bool
	syncer error // what Sync returns
}

func (s *sink) Write(p []byte) (int, error) {
	s.mu.Lock()
	if s.busy {
		panic("two calls of the sink at once")
	}
	s.busy = true
	hang := s.hang
	s.calls = append(s.calls, string(p))
	s.mu.Unlock()
	if hang != nil {
		<-hang
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.busy = false
	if s.fail != nil {
		return 0, s.fail
	}
	if s.short > 0 && len(p) > s.short {
		p = p[:s.short]
	}
	return s.out.Write(p)
}

func (s *sink) Sync() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.busy {
		panic("Sync during a call of Write")
	}
	s.synced = append(s.synced, s.out.Len())
	return s.syncer
}

func (s *sink) set(f func(s *sink)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(s)
}

// hangs makes every Write from now on wait until the function that it returns is called.
func (s *sink) hangs() (release func()) {
	hang := make(chan struct{})
	s.set(func(s *sink) { s.hang = hang })
	return func() {
		s.set(func(s *sink) { s.hang = nil })
		close(hang)
	}
}

func (s *sink) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.String()
}

func (s *sink) callCount() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.calls)
}

func (s *sink) want(t *testing.T, want string) {
	t.Helper()
	if got := s.String(); got != want {
		t.Errorf("the sink has %q, want %q", abbreviated(got), abbreviated(want))
	}
}

func abbreviated(s string) string {
	if len(s) > 300 {
		return fmt.Sprintf("%s… (%d bytes)", s[:300], len(s))
	}
	return s
}

// A liner is what puts takes lines from.
type liner interface{ Write(p []byte) (int, error) }

// puts writes each line; all must be accepted.
func puts(t *testing.T, w liner, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if n, err := w.Write([]byte(line)); n != len(line) || err != nil {
			t.Errorf("Write(%q) = %d, %v, want %d, nil", abbreviated(line), n, err, len(line))
		}
	}
}

// line returns a line of n bytes, the newline included, that starts with what is given.
func line(n int, start ...any) string {
	s := fmt.Sprint(start...)
	return s + strings.Repeat(".", n-len(s)-1) + "\n"
}
