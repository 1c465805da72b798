package iterx_test

import (
	"fmt"
	"iter"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
)

// A function is a row of the table: an exported function, called so that its result can be read as strings. hook is
// called wherever the function calls its caller's code. Either seq or result is set.
type function struct {
	name   string // of the function; what follows a slash tells rows apart
	seq    func(in iter.Seq[int], hook func()) iter.Seq[string]
	result func(in iter.Seq[int], hook func()) string

	in   []int
	want string // what comes out of in, separated by blanks

	// What it is allowed, and has documented.
	live       []int // it holds values back: how many came out while the input waits after 0, 1, … values
	takes      int   // how many input values it takes, if not all of them
	whole      bool  // it returns only when the input has ended
	goroutines bool  // it reads ahead, and panics of its input and functions end the program
	unordered  bool
}

// A law is what each function has to keep.
type law struct {
	name, text string
	check      func(t *testing.T, f function)
}

var laws = []law{
	{"result", "it gives what it should, zero values too", checkResult},
	{"lazy", "nothing happens before the result is ranged over", checkLazy},
	{"again", "ranging again starts anew, loops do not disturb each other", checkAgain},
	{"break", "a break ends the input at once, which was asked for no more than needed", checkBreak},
	{"false", "nothing is yielded after yield returned false", checkFalse},
	{"live", "nothing is held back while the input waits", checkLive},
	{"endless", "endless input is fine", checkEndless},
	{"input panics", "a panic of the input passes through", checkInputPanics},
	{"function panics", "a panic of the caller's function passes through, and ends the input", checkHookPanics},
	{"body panics", "a panic of the body passes through, and ends the input", checkBodyPanics},
	{"Goexit", "Goexit in the body ends the input", checkGoexit},
}

// Every law for every function, each in a bubble: it fails if a goroutine is left behind.
func TestLaws(t *testing.T) {
	for _, f := range functions {
		for _, l := range laws {
			t.Run(f.name+"/"+l.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { l.check(t, f) })
				if t.Failed() {
					t.Logf("the law is: %s", l.text)
				}
			})
		}
	}
}

// An input yields values and keeps count. Only one goroutine at a time ranges over it.
type input struct {
	values  []int
	endless bool
	panicAt int           // the number of the value before which it panics; -1: none
	gate    chan struct{} // if not nil: received from before each value, and before the end
	taken   int           // values that it yielded
	inside  int           // loops over it that have not ended
}

func over(values []int) *input { return &input{values: values, panicAt: -1} }

func (in *input) seq(yield func(int) bool) {
	in.inside++
	defer func() { in.inside-- }()
	for n := 0; n < len(in.values) || in.endless; n++ {
		if n == in.panicAt {
			panic(errPanic)
		}
		if in.gate != nil {
			<-in.gate
		}
		in.taken++
		if !yield(in.values[n%len(in.values)]) {
			return
		}
	}
	if in.gate != nil {
		<-in.gate
	}
}

var errPanic = fmt.Errorf("thrown by the test")

func nothing() {}

// collect returns what the row gives for an input.
func (f function) collect(in iter.Seq[int], hook func()) (out []string) {
	if f.seq == nil {
		return strings.Fields(f.result(in, hook))
	}
	for s := range f.seq(in, hook) {
		out = append(out, s)
	}
	return out
}

// wants fails the test unless out is the result, or its beginning.
func (f function) wants(t *testing.T, out []string, n int) {
	t.Helper()
	want := strings.Fields(f.want)[:n]
	if f.unordered {
		out, want = slices.Sorted(slices.Values(out)), slices.Sorted(slices.Values(want))
	}
	if !slices.Equal(out, want) {
		t.Errorf("%s of %v gives %v, want %v", f.name, f.in, out, want)
	}
}

func (f function) wantLeft(t *testing.T, in *input, after string) {
	t.Helper()
	if in.inside != 0 {
		t.Errorf("%s: after %s the input has not ended", f.name, after)
	}
}

func checkResult(t *testing.T, f function) {
	in := over(f.in)
	f.wants(t, f.collect(in.seq, nothing), len(strings.Fields(f.want)))
	takes := len(f.in)
	if f.takes > 0 {
		takes = f.takes
	}
	if in.taken != takes {
		t.Errorf("%s took %d values of %v, want %d", f.name, in.taken, f.in, takes)
	}
	f.wantLeft(t, in, "the end")
}

func checkLazy(t *testing.T, f function) {
	if f.seq == nil {
		return
	}
	called := false
	f.seq(func(func(int) bool) { called = true }, func() { called = true })
	if called {
		t.Errorf("%s ran its input or a function without being ranged over", f.name)
	}
}

func checkAgain(t *testing.T, f function) {
	if f.seq == nil {
		return
	}
	s := f.seq(slices.Values(f.in), nothing)
	n := len(strings.Fields(f.want))
	next, stop := iter.Pull(s)
	defer stop()
	var first []string
	for { // a whole loop over s for each value of this one
		v, ok := next()
		if !ok {
			break
		}
		first = append(first, v)
		f.wants(t, slices.Collect(s), n)
	}
	f.wants(t, first, n)
}

// after returns how many input values must have been taken for n outputs.
func (f function) after(n int) int {
	i := slices.IndexFunc(f.came(), func(out int) bool { return out >= n })
	return i
}

// came returns how many values came out when the input waits after 0, 1, … values, as it should be.
func (f function) came() []int {
	if f.live != nil {
		return f.live
	}
	came := make([]int, len(f.in)+1)
	for i := range came {
		came[i] = len(f.collect(slices.Values(f.in[:i]), nothing))
	}
	return came
}

func checkBreak(t *testing.T, f function) {
	if f.seq == nil {
		return
	}
	for n := 1; n <= len(strings.Fields(f.want)); n++ {
		in := over(f.in)
		var out []string
		for s := range f.seq(in.seq, nothing) {
			if out = append(out, s); len(out) == n {
				break
			}
		}
		f.wantLeft(t, in, "a break")
		if f.goroutines {
			continue
		}
		f.wants(t, out, n)
		if takes := f.after(n); takes >= 0 && in.taken != takes { // < 0: it comes only when the input has ended
			t.Errorf("%s took %d values of %v before a break at output %d, want %d", f.name, in.taken, f.in, n, takes)
		}
	}
}

func checkFalse(t *testing.T, f function) {
	if f.seq == nil {
		return
	}
	for n := range len(strings.Fields(f.want)) {
		in, calls := over(f.in), 0
		f.seq(in.seq, nothing)(func(string) bool {
			calls++
			return calls <= n
		})
		if calls != n+1 {
			t.Errorf("%s called yield %d times, want %d: the last one returned false", f.name, calls, n+1)
		}
		f.wantLeft(t, in, "yield returned false")
	}
}

func checkLive(t *testing.T, f function) {
	if f.seq == nil {
		return
	}
	in := over(f.in)
	in.gate = make(chan struct{})
	out := 0
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for range f.seq(in.seq, nothing) {
			out++
		}
	}()
	for i, want := range f.came() {
		synctest.Wait()
		if out != want {
			t.Errorf("%s: %d values came out while the input waits after %v, want %d", f.name, out, f.in[:i], want)
		}
		select {
		case in.gate <- struct{}{}:
		case <-ended:
		}
	}
	<-ended
}

func checkEndless(t *testing.T, f function) {
	if f.whole {
		return
	}
	in := over(f.in)
	in.endless = true
	if f.seq == nil {
		f.wants(t, f.collect(in.seq, nothing), len(strings.Fields(f.want)))
	} else {
		n := 0
		for range f.seq(in.seq, nothing) {
			if n++; n == 20 {
				break
			}
		}
	}
	f.wantLeft(t, in, "the loop")
}

// thrown returns what run panics with.
func thrown(run func()) (v any) {
	defer func() { v = recover() }()
	run()
	return nil
}

func checkInputPanics(t *testing.T, f function) {
	if f.goroutines {
		return
	}
	for at := range f.in {
		in := over(f.in)
		in.panicAt = at
		v := thrown(func() { f.collect(in.seq, nothing) })
		if reached := in.taken == at && (f.takes == 0 || at < f.takes); reached && v != errPanic {
			t.Errorf("%s: the input panics before value %d: the loop panics with %v, want %v", f.name, at, v, errPanic)
		}
		f.wantLeft(t, in, "a panic")
	}
}

func checkHookPanics(t *testing.T, f function) {
	if f.goroutines {
		return
	}
	calls := 0
	f.collect(slices.Values(f.in), func() { calls++ })
	for at := range calls {
		in, n := over(f.in), 0
		v := thrown(func() {
			f.collect(in.seq, func() {
				if n++; n == at+1 {
					panic(errPanic)
				}
			})
		})
		if v != errPanic {
			t.Errorf("%s: call %d of its function panics: the loop panics with %v, want %v", f.name, at, v, errPanic)
		}
		f.wantLeft(t, in, "a panic of the function")
	}
}

func checkBodyPanics(t *testing.T, f function) {
	if f.seq == nil {
		return
	}
	for at := range len(strings.Fields(f.want)) {
		in, n := over(f.in), 0
		v := thrown(func() {
			for range f.seq(in.seq, nothing) {
				if n++; n == at+1 {
					panic(errPanic)
				}
			}
		})
		if v != errPanic {
			t.Errorf("%s: the body panics at output %d: the loop panics with %v, want %v", f.name, at, v, errPanic)
		}
		f.wantLeft(t, in, "a panic of the body")
	}
}

func checkGoexit(t *testing.T, f function) {
	if f.seq == nil {
		return
	}
	in, went := over(f.in), true
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for range f.seq(in.seq, nothing) {
			runtime.Goexit()
		}
		went = false
	}()
	<-ended
	if !went {
		t.Errorf("%s: the loop went on after Goexit", f.name)
	}
	f.wantLeft(t, in, "Goexit")
}
