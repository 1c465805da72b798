package sourcetest

import (
	"reflect"
	"testing"

	"github.com/sluice-go/sluice"
)

// Config describes the logs to be tested. New and Value are required.
type Config[T any] struct {
	// New returns a new, empty log. What must be released goes into t.Cleanup: it runs at the end of each rule, and of
	// each try of a random search. The log itself is closed before that.
	New func(t testing.TB) sluice.Log[T]

	// Value returns a value, a different one for each n, and the same each time. n is at least 0, and below 1<<31.
	Value func(n int64) T

	// Equal reports whether two values are the same. Default: reflect.DeepEqual.
	Equal func(a, b T) bool

	// Room is how many of the newest values a log retains for certain. 0: it retains everything. Then Bounds always
	// begins with 0, save after a Trim.
	Room int64

	// Blocking says what happens when there is no more room, and needs Room. False: the oldest values are dropped.
	// True: Append waits until the slowest open cursor has consumed the oldest one; without a cursor it is dropped.
	Blocking bool

	// Reopen opens again what a log has stored that was closed. Nil: the log does not outlive its Close.
	Reopen func(t testing.TB, closed sluice.Log[T]) sluice.Log[T]

	// NoSynctest is for logs that wait for something outside the process. Rules then run in real time: those that
	// wait for something that does not come fail after half a minute, and the interleavings are left to chance.
	NoSynctest bool

	// OneWriter is for logs whose appends, and Close, must not overlap. The rules where they do are left out.
	OneWriter bool

	// Slow is for logs whose operations take milliseconds. The rules that repeat themselves do it far less often.
	Slow bool
}

// A log that has one of these methods gets rules for them.
type (
	errorCloser interface{ CloseWithError(error) error }
	trimmer     interface{ Trim(before sluice.Offset) }
	errTrimmer  interface {
		Trim(before sluice.Offset) error
	}
)

// problem returns what makes no sense, or "".
func (c Config[T]) problem() string {
	switch {
	case c.New == nil:
		return "Config.New is nil: it must return a new, empty log"
	case c.Value == nil:
		return "Config.Value is nil: it must return a different value for each n"
	case c.Room < 0:
		return "Config.Room is negative: 0 means that everything is retained"
	case c.Blocking && c.Room == 0:
		return "Config.Blocking needs Config.Room: how many values fit"
	}
	c = c.withDefaults()
	switch a, b := c.Value(0), c.Value(1); {
	case c.Equal(a, b):
		return "Config.Value returns equal values for 0 and 1: it must return a different one for each n"
	case !c.Equal(b, c.Value(1)):
		return "Config.Equal says that Value(1) is not Value(1)"
	}
	return ""
}

func (c Config[T]) withDefaults() Config[T] {
	if c.Equal == nil {
		c.Equal = func(a, b T) bool { return reflect.DeepEqual(a, b) }
	}
	return c
}

// lossy reports whether a full log drops values that an open cursor has not read.
func (c Config[T]) lossy() bool { return c.Room > 0 && !c.Blocking }

// room returns n, or as many values as fit if they are fewer.
func (c Config[T]) room(n int64) int64 {
	if c.Room > 0 {
		return min(n, c.Room)
	}
	return n
}

// value is what the rules append at off.
func (c Config[T]) value(off sluice.Offset) T { return c.Value(int64(off)) }

// times returns how often a rule repeats something, n times at full effort.
func (c Config[T]) times(n int) int {
	switch {
	case c.Slow:
		return max(2, n/50)
	case testing.Short():
		return max(2, n/4)
	}
	return n
}
