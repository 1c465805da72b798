package sourcetest

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
)

// A recorder is a testing.TB that keeps what it is told, so that a rule can fail without the test failing: the law is to be
// printed with it, and a random search must be able to try again. Methods that it does not have are those of the test.
type recorder struct {
	testing.TB

	mu       sync.Mutex
	lines    []string
	failed   bool
	skipped  bool
	cleanups []func()
	panicked any    // what ended the body, if it was a panic
	atEnd    func() // called when the cleanups have run, outside of a bubble
}

// inside makes t the test whose methods are used.
func (r *recorder) inside(t testing.TB) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.TB = t
}

// text returns all that was logged.
func (r *recorder) text() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.lines, "\n")
}

func (r *recorder) Log(args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, strings.TrimSuffix(fmt.Sprintln(args...), "\n"))
}

func (r *recorder) Logf(format string, args ...any) { r.Log(fmt.Sprintf(format, args...)) }

func (r *recorder) Fail() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed = true
}

func (r *recorder) Failed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failed
}

func (r *recorder) Skipped() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.skipped
}

func (r *recorder) FailNow() {
	r.Fail()
	runtime.Goexit()
}

func (r *recorder) SkipNow() {
	r.mu.Lock()
	r.skipped = true
	r.mu.Unlock()
	runtime.Goexit()
}

func (r *recorder) Error(args ...any)                 { r.Log(args...); r.Fail() }
func (r *recorder) Errorf(format string, args ...any) { r.Logf(format, args...); r.Fail() }
func (r *recorder) Fatal(args ...any)                 { r.Log(args...); r.FailNow() }
func (r *recorder) Fatalf(format string, args ...any) { r.Logf(format, args...); r.FailNow() }
func (r *recorder) Skip(args ...any)                  { r.Log(args...); r.SkipNow() }
func (r *recorder) Skipf(format string, args ...any)  { r.Logf(format, args...); r.SkipNow() }

// Cleanup registers f for the end of the body, inside its bubble.
func (r *recorder) Cleanup(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cleanups = append(r.cleanups, f)
}

// cleanup runs what was registered, the last first, whatever one of them does.
func (r *recorder) cleanup() {
	r.mu.Lock()
	n := len(r.cleanups) - 1
	if n < 0 {
		r.mu.Unlock()
		return
	}
	f := r.cleanups[n]
	r.cleanups = r.cleanups[:n]
	r.mu.Unlock()
	defer r.cleanup()
	defer r.rescue()
	f()
}

// rescue is deferred: it turns a panic into a failure.
func (r *recorder) rescue() {
	p := recover()
	if p == nil {
		return
	}
	r.mu.Lock()
	r.panicked = p
	r.mu.Unlock()
	if !ofRapid(p) {
		r.Errorf("panic: %v\n%s", p, debug.Stack())
	}
}
