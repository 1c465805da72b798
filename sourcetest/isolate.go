package sourcetest

import (
	"bytes"
	"reflect"
	"regexp"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// isolate runs body on a goroutine of its own, in a bubble if asked to and t allows it, and returns what it recorded.
// body may call FailNow and panic. In a bubble a body that can't end, and goroutines that it leaves behind, fail too.
func isolate(t testing.TB, bubble bool, body func(*recorder)) *recorder {
	rec := &recorder{TB: t}
	run := func() {
		done := make(chan struct{})
		go func() {
			defer close(done)
			defer rec.cleanup()
			defer rec.rescue()
			body(rec)
		}()
		<-done
	}
	outside, ok := t.(*testing.T)
	if !bubble || !ok {
		run()
		if rec.atEnd != nil {
			rec.atEnd()
		}
		return rec
	}
	var name atomic.Value // of the bubble
	name.Store("")
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		defer func() {
			if p := recover(); p != nil && !rec.Failed() {
				rec.Errorf("%v\n%s", p, stacks(name.Load().(string)))
			}
		}()
		synctest.Test(outside, func(t *testing.T) {
			rec.inside(t)
			name.Store(bubbleName())
			run()
		})
	}()
	timeout := time.NewTimer(endless)
	defer timeout.Stop()
	select {
	case <-finished:
	case <-timeout.C:
		rec.Errorf("the log is still busy after %v: something never waits\n%s", endless, stacks(name.Load().(string)))
	}
	rec.inside(t)
	return rec
}

// endless is after how much real time a rule in a bubble is taken for one that never ends: while something runs there, as
// a reader does if Wait returns at once with nothing to read, no other time passes.
var endless = 2 * time.Minute

var bubbleHeader = regexp.MustCompile(`^goroutine .*(synctest bubble \d+)`)

// bubbleName returns what the stacks of the goroutines in this bubble are marked with, or "".
func bubbleName() string {
	var buf [256]byte
	if m := bubbleHeader.FindSubmatch(buf[:runtime.Stack(buf[:], false)]); m != nil {
		return string(m[1])
	}
	return ""
}

// stacks returns those of the goroutines in a bubble, without those that belong to its test.
func stacks(bubble string) string {
	if bubble == "" {
		return ""
	}
	var found []string
	for stack := range bytes.SplitSeq(allStacks(), []byte("\n\n")) {
		s := string(stack)
		header, _, _ := strings.Cut(s, "\n")
		if strings.Contains(header, bubble+"]") && !strings.Contains(s, "testing.tRunner(") &&
			!strings.Contains(s, "internal/synctest.Run") && !strings.Contains(s, "testing.testingSynctestTest(") {
			found = append(found, s)
		}
	}
	return strings.Join(found, "\n\n")
}

func allStacks() []byte {
	for size := 64 << 10; ; size *= 2 {
		buf := make([]byte, size)
		if n := runtime.Stack(buf, true); n < size {
			return buf[:n]
		}
	}
}

// ofRapid reports whether p is a panic by which rapid controls its search.
func ofRapid(p any) bool { return reflect.TypeOf(p).PkgPath() == "pgregory.net/rapid" }
