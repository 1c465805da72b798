package chanx_test

import (
	"context"
	"errors"
	"iter"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A function is a row of the table: an exported function, called so that what it makes of a channel can be read as strings.
type function struct {
	name string // of the function; what follows a slash tells rows apart
	seq  func(ctx context.Context, in <-chan int) iter.Seq[string]
	want string // what comes out of input, when all of it is there and the channel closed

	// What it is allowed, and has documented.
	live      []int // how many came out an hour after 0, 1, … values, if not as many as of a closed channel
	ahead     int   // how many values it may have received that the body did not see when the loop is left
	own       int   // how many of want are not of the input
	async     bool  // its goroutine ends soon after the loop, which does not wait for it
	unordered bool
	timed     bool // what comes out depends on when values come
}

var input = []int{0, 0, 1, 0, 2, 2, 0}

// A law is what each function has to keep.
type law struct {
	name, text string
	check      func(t *testing.T, f function)
}

var laws = []law{
	{"result", "it gives what it should, zero values too, and ends when the channel is closed", checkResult},
	{"lazy", "nothing is received before the result is ranged over", checkLazy},
	{"live", "nothing is held back while the channel is empty", checkLive},
	{"break", "a loop that is left took no more than allowed, and did not close the channel", checkBreak},
	{"false", "nothing is yielded after yield returned false", checkFalse},
	{"waiting", "it ends when ctx is done while it waits", checkWaiting},
	{"endless", "it ends when ctx is done while values are there", checkEndless},
	{"dead context", "with a done context it ends, and takes no more than allowed", checkDead},
	{"nil", "a nil channel never gives anything, nor ends", checkNil},
	{"panic", "a panic of the body passes through", checkPanic},
	{"Goexit", "Goexit in the body ends the loop", checkGoexit},
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

// filled returns a channel with values in it.
func filled(values ...int) chan int {
	ch := make(chan int, len(values)+1)
	for _, v := range values {
		ch <- v
	}
	return ch
}

func closed(values ...int) chan int {
	ch := filled(values...)
	close(ch)
	return ch
}

// outputs returns how many values come out.
func (f function) outputs() int { return len(strings.Fields(f.want)) }

func checkResult(t *testing.T, f function) {
	got := slices.Collect(f.seq(t.Context(), closed(input...)))
	want := strings.Fields(f.want)
	if f.unordered {
		slices.Sort(got)
		slices.Sort(want)
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s of %v gives %v, want %v", f.name, input, got, want)
	}
	if got := slices.Collect(f.seq(t.Context(), closed())); len(got) != f.own {
		t.Errorf("%s of a closed channel gives %v, want %d values", f.name, got, f.own)
	}
}

func checkLazy(t *testing.T, f function) {
	in := filled(input...)
	f.seq(t.Context(), in)
	if synctest.Wait(); len(in) != len(input) {
		t.Errorf("%s received %d values without being ranged over", f.name, len(input)-len(in))
	}
}

// came returns how many values came out after 0, 1, … values, as it should be.
func (f function) came(ctx context.Context) []int {
	if f.live != nil {
		return f.live
	}
	came := make([]int, len(input)+1)
	for i := range came {
		for range f.seq(ctx, closed(input[:i]...)) {
			came[i]++
		}
	}
	return came
}

func checkLive(t *testing.T, f function) {
	came := f.came(t.Context())
	in := make(chan int, 1)
	out := 0
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for range f.seq(t.Context(), in) {
			out++
		}
	}()
	for i, want := range came {
		time.Sleep(time.Hour)
		if synctest.Wait(); out != want {
			t.Errorf("%s: %d values came out after %v, want %d", f.name, out, input[:i], want)
		}
		if i < len(input) {
			in <- input[i]
		}
	}
	close(in)
	<-ended
}

func checkBreak(t *testing.T, f function) {
	came := f.came(t.Context())
	for n := 1; n <= min(came[len(input)], f.outputs()); n++ {
		in := filled(input...)
		bodies := 0
		for range f.seq(t.Context(), in) {
			if bodies++; bodies == n {
				break
			}
		}
		if f.async {
			synctest.Wait()
		}
		took := len(input) - len(in)
		needed := slices.IndexFunc(came, func(out int) bool { return out >= n })
		if !f.timed && (took < needed || took > needed+f.ahead) {
			t.Errorf("%s received %d values before a break at output %d, want %d to %d", f.name, took, n, needed, needed+f.ahead)
		}
		if synctest.Wait(); len(input)-len(in) != took {
			t.Errorf("%s received %d values after the loop", f.name, len(input)-len(in)-took)
		}
		in <- 0 // panics if it was closed
	}
}

func checkFalse(t *testing.T, f function) {
	for n := range f.outputs() {
		calls := 0
		f.seq(t.Context(), closed(input...))(func(string) bool {
			calls++
			return calls <= n
		})
		if calls != n+1 {
			t.Errorf("%s called yield %d times, want %d: the last one returned false", f.name, calls, n+1)
		}
	}
}

var errEnough = errors.New("enough")

func checkWaiting(t *testing.T, f function) {
	for n := range len(input) + 1 {
		ctx, cancel := context.WithCancelCause(t.Context())
		in := filled(input[:n]...)
		start := time.Now()
		time.AfterFunc(time.Minute, func() { cancel(errEnough) })
		for range f.seq(ctx, in) {
		}
		if took := time.Since(start); took != time.Minute {
			t.Errorf("%s ended after %v, want a minute, when ctx is done", f.name, took)
		}
		cancel(nil)
		in <- 0 // panics if it was closed
	}
}

func checkEndless(t *testing.T, f function) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	in, stop, stopped := make(chan int, 64), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for n := 0; ; n++ {
			select {
			case in <- n % 7:
			case <-stop:
				return
			}
			if n%100 == 99 { // so that time passes at all
				time.Sleep(time.Second)
			}
		}
	}()
	time.AfterFunc(time.Minute, cancel)
	bodies := 0
	for range f.seq(ctx, in) {
		bodies++
	}
	if ctx.Err() == nil {
		t.Errorf("%s ended before ctx was done", f.name)
	}
	if bodies == 0 {
		t.Errorf("%s gave nothing of an endless channel", f.name)
	}
	close(stop)
	<-stopped
}

func checkDead(t *testing.T, f function) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	in := filled(input...)
	n := 0
	for range f.seq(ctx, in) {
		n++
	}
	synctest.Wait()
	if took := len(input) - len(in); took > n+f.ahead || n > f.ahead {
		t.Errorf("%s with a done context received %d values and yielded %d", f.name, took, n)
	}
}

func checkNil(t *testing.T, f function) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	start := time.Now()
	n := 0
	for range f.seq(ctx, nil) {
		n++
	}
	if n != f.own && n != 0 {
		t.Errorf("%s of nil gives %v values", f.name, n)
	}
	if took := time.Since(start); took != time.Minute {
		t.Errorf("%s of nil ended after %v, want a minute, when ctx is done", f.name, took)
	}
}

// thrown returns what run panics with.
func thrown(run func()) (v any) {
	defer func() { v = recover() }()
	run()
	return nil
}

func checkPanic(t *testing.T, f function) {
	for at := range f.outputs() {
		n := 0
		v := thrown(func() {
			for range f.seq(t.Context(), closed(input...)) {
				if n++; n == at+1 {
					panic(errEnough)
				}
			}
		})
		if v != errEnough {
			t.Errorf("%s: the body panics at output %d: the loop panics with %v, want %v", f.name, at, v, errEnough)
		}
	}
}

func checkGoexit(t *testing.T, f function) {
	ended, went := make(chan struct{}), true
	go func() {
		defer close(ended)
		for range f.seq(t.Context(), filled(input...)) {
			runtime.Goexit()
		}
		went = false
	}()
	if <-ended; !went {
		t.Errorf("%s: the loop went on after Goexit", f.name)
	}
}
