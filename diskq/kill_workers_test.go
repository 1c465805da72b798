//go:build linux || darwin

package diskq_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/diskq"
)

// workQueues are the queues whose workers are killed.
var workQueues = map[string]diskq.Options{
	"written":  {SegmentBytes: 1 << 15},
	"durable":  {SegmentBytes: 1 << 15, Durability: diskq.Durable},
	"consumed": {SegmentBytes: 1 << 13, MaxBytes: 1 << 16, DeleteConsumed: true},
}

// policies are the consumers of each such queue: how often they save.
var policies = map[string]diskq.ConsumerOptions{
	"each":     {SaveAfter: 1, SaveEvery: -1, MaxInFlight: 256},
	"every":    {SaveAfter: 5, SaveEvery: -1, MaxInFlight: 256},
	"interval": {SaveAfter: -1, SaveEvery: 5 * time.Millisecond, MaxInFlight: 256},
	"commit":   {SaveAfter: -1, SaveEvery: -1, MaxInFlight: 256},
}

// A says tells another process what happened, a line each; in a line's order, so that nothing is told before it happened.
type says struct{ mu sync.Mutex }

func (s *says) line(args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Println(args...) // one write: a kill leaves whole lines, but for the last
}

// TestWorkersChild is the process that TestKillWorkers kills: two producers, and for each policy three workers.
func TestWorkersChild(t *testing.T) {
	dir, kind, ok := strings.Cut(os.Getenv("SLUICE_WORKERS"), "|")
	if !ok {
		t.Skip("it is run by TestKillWorkers")
	}
	err := runWorkers(dir, kind)
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func runWorkers(dir, kind string) error {
	q, err := diskq.Open(dir, diskq.String(), workQueues[kind])
	if err != nil {
		return err
	}
	var say says
	errs := make(chan error)
	var slowest []func() int64
	for name, o := range policies {
		c, err := q.Consumer(name, o)
		if err != nil {
			return err
		}
		slowest = append(slowest, c.Depth)
		w := worker{c: c, name: name, say: &say, leaves: !workQueues[kind].DeleteConsumed}
		go func() { errs <- w.receive(1) }()
		go func() { errs <- w.receive(2) }()
		go func() { errs <- w.channel(3, map[string]int{"interval": 4, "commit": 4}[name]) }()
		if name == "commit" {
			go func() { errs <- w.commit() }()
		}
	}
	for p := range 2 {
		go func() {
			for i := 0; ; i++ {
				for i%16 == 0 && slices.ContainsFunc(slowest, func(depth func() int64) bool { return depth() > 2000 }) {
					time.Sleep(time.Millisecond) // the workers shall have something to do, and not drown
				}
				v := fmt.Sprintf("producer-%d-%d-%d", p, os.Getpid(), i)
				off, err := q.Append(ctxBackground, v)
				if err != nil {
					errs <- err
					return
				}
				say.line("appended", off, v)
			}
		}()
	}
	return <-errs
}

// A worker says of each delivery what it will do with it, does it, and says that it did.
type worker struct {
	c      *diskq.Consumer[string]
	name   string
	say    *says
	leaves bool
}

func (w *worker) receive(id int) error {
	for {
		d, err := w.c.Receive(ctxBackground)
		if err != nil {
			return err
		}
		if err := w.do(id, d); err != nil {
			return err
		}
	}
}

func (w *worker) channel(id, size int) error {
	ch, stop := w.c.Chan(ctxBackground, size)
	for d := range ch {
		if err := w.do(id, d); err != nil {
			return err
		}
	}
	return stop()
}

func (w *worker) do(id int, d diskq.Delivery[string]) error {
	what := "ack"
	switch dice := (uint64(d.Offset)*31 + uint64(d.Attempt)*17 + uint64(len(w.name))) * 0x9e3779b97f4a7c15 >> 40 % 1000; {
	case dice < 100:
		what = "nack"
	case dice < 103 && w.leaves:
		what = "leave"
	}
	w.say.line("delivered", w.name, id, d.Offset, d.Attempt, what, d.Value)
	switch what {
	case "nack":
		return d.Nack(time.Duration(d.Offset%3) * time.Millisecond)
	case "ack":
		if err := d.Ack(); err != nil {
			return err
		}
		w.say.line("acknowledged", w.name, d.Offset)
	}
	return nil
}

func (w *worker) commit() error {
	for {
		w.say.line("committing", w.name)
		if err := w.c.Commit(ctxBackground); err != nil {
			return err
		}
		w.say.line("committed", w.name)
		time.Sleep(3 * time.Millisecond) // real time is the subject: commits lie between the kills
	}
}

// A witness is what the parent knows of one consumer.
type witness struct {
	name      string
	delivered map[sluice.Offset]bool // ever
	done      map[sluice.Offset]bool // somebody was to acknowledge it
	safe      map[sluice.Offset]bool // acknowledged, and saved by what the policy says: it may not come again
	acked     map[sluice.Offset]bool // acknowledged in the last life, and perhaps not saved
	now       []sluice.Offset        // acknowledged in this life
	isNow     map[sluice.Offset]bool // the same
	begun     int                    // how many of them when the last Commit began
	last      [4]sluice.Offset       // that each worker got for the first time in this life
	seen      map[sluice.Offset]bool // in this life
	again     int                    // how many of acked came since the last kill
}

func newWitness(name string) *witness {
	w := &witness{name: name, delivered: map[sluice.Offset]bool{}, done: map[sluice.Offset]bool{}, safe: map[sluice.Offset]bool{}, acked: map[sluice.Offset]bool{}}
	w.born()
	return w
}

// born begins a life of the process. What was acknowledged before the last one does not count any more: it may have come in
// that one, to a worker that was killed before it could say so.
func (w *witness) born() {
	clear(w.acked)
	for _, off := range w.now {
		if !w.safe[off] {
			w.acked[off] = true
		}
	}
	w.now, w.begun, w.again = nil, 0, 0
	w.isNow, w.seen = map[sluice.Offset]bool{}, map[sluice.Offset]bool{}
	for i := range w.last {
		w.last[i] = -1
	}
}

// got is a delivery. What nobody got in this life comes in order, as far as one worker can tell.
func (w *witness) got(worker int, off sluice.Offset) error {
	switch {
	case w.safe[off]:
		return fmt.Errorf("%s: offset %d came again, though it was acknowledged and saved", w.name, off)
	case w.isNow[off]:
		return fmt.Errorf("%s: offset %d came again, though it was acknowledged in the same life", w.name, off)
	case !w.seen[off] && off < w.last[worker]:
		return fmt.Errorf("%s: offset %d came to worker %d for the first time, after %d", w.name, off, worker, w.last[worker])
	}
	if !w.seen[off] {
		w.last[worker] = off
	}
	w.seen[off], w.delivered[off] = true, true
	if w.acked[off] {
		delete(w.acked, off)
		if w.again++; w.name == "every" && w.again >= policies["every"].SaveAfter {
			return fmt.Errorf("%s: %d acknowledged values came again after a kill, want fewer than SaveAfter", w.name, w.again)
		}
	}
	return nil
}

func (w *witness) ack(off sluice.Offset) {
	w.now = append(w.now, off)
	w.isNow[off] = true
	if w.name == "each" {
		w.safe[off] = true
	}
}

// A trial is a queue whose processes are killed.
type trial struct {
	dir, kind string
	consumers map[string]*witness
	values    map[sluice.Offset]string
	end       sluice.Offset // behind all that was acknowledged by Append
}

func (x *trial) hear(line string) error {
	var name, what, v string
	var worker, attempt int
	var off sluice.Offset
	verb, rest, _ := strings.Cut(line, " ")
	switch verb {
	case "appended":
		if n, _ := fmt.Sscan(rest, &off, &v); n < 2 {
			return errors.New("torn")
		}
		x.end = max(x.end, off+1)
		return x.value(off, v)
	case "delivered":
		if n, _ := fmt.Sscan(rest, &name, &worker, &off, &attempt, &what, &v); n < 6 {
			return errors.New("torn")
		}
		w := x.consumers[name]
		if what == "ack" {
			w.done[off] = true
		}
		return errors.Join(w.got(worker, off), x.value(off, v))
	case "acknowledged":
		if n, _ := fmt.Sscan(rest, &name, &off); n < 2 {
			return errors.New("torn")
		}
		x.consumers[name].ack(off)
	case "committing":
		w := x.consumers[rest]
		w.begun = len(w.now)
	case "committed":
		w := x.consumers[rest]
		for _, off := range w.now[:w.begun] {
			w.safe[off] = true
		}
	default:
		return fmt.Errorf("unknown line %q", line)
	}
	return nil
}

func (x *trial) value(off sluice.Offset, v string) error {
	if was, ok := x.values[off]; ok && was != v {
		return fmt.Errorf("offset %d is %q, and was %q", off, v, was)
	}
	x.values[off] = v
	return nil
}

// live runs the workers, and kills them.
func (x *trial) live(t *testing.T, after time.Duration) {
	for _, w := range x.consumers {
		w.born()
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestWorkersChild$")
	cmd.Env = append(os.Environ(), "SLUICE_WORKERS="+x.dir+"|"+x.kind)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	must(t, err)
	if err := cmd.Start(); errors.Is(err, syscall.ENOEXEC) {
		t.Skip("emulated: it can't start itself again")
	} else if err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(out)
	for n := 0; ; n++ {
		line, err := r.ReadString('\n')
		if err != nil {
			break // a torn line is none: what it says was not said
		}
		if n == 0 { // something happened, however slow the machine
			defer time.AfterFunc(after, func() { cmd.Process.Kill() }).Stop()
		}
		if err := x.hear(strings.TrimSuffix(line, "\n")); err != nil {
			cmd.Process.Kill()
			t.Errorf("%s: %v", x.kind, err)
		}
	}
	err = cmd.Wait()
	if ws, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || !ws.Signaled() {
		t.Fatalf("%s: the workers ended by themselves: %v", x.kind, err)
	}
	if t.Failed() {
		t.FailNow()
	}
}

// check opens the queue after a kill and looks at what is to be handed out. With ack it acknowledges that.
func (x *trial) check(t *testing.T, ack bool) {
	q, err := diskq.Open(x.dir, diskq.String(), workQueues[x.kind])
	must(t, err)
	defer func() { must(t, q.Close()) }()
	s := q.Stats()
	if s.Recovery.NewEpoch || s.Next < x.end {
		t.Fatalf("%s: after kill -9 the end is %d, a new epoch: %v; want at least %d, and none", x.kind, s.Next, s.Recovery.NewEpoch, x.end)
	}
	for _, w := range x.consumers {
		w.born()
		c, err := q.Consumer(w.name, diskq.ConsumerOptions{SaveAfter: -1, SaveEvery: -1, MaxInFlight: 16384})
		must(t, err)
		if s := c.Stats(); s.Damaged || s.MovedBack != 0 {
			t.Fatalf("%s: after kill -9 %+v", x.kind, s)
		}
		come := x.drain(t, w, c, ack)
		for off := range s.Next {
			if !come[off] && !w.done[off] {
				t.Fatalf("%s: %s: offset %d does not come, and nobody was to acknowledge it; %+v", x.kind, w.name, off, c.Stats())
			}
		}
		must(t, c.Close())
	}
}

// drain receives as much as Depth says, and wants that it is all.
func (x *trial) drain(t *testing.T, w *witness, c *diskq.Consumer[string], ack bool) map[sluice.Offset]bool {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	come := map[sluice.Offset]bool{}
	for n := c.Depth(); n > 0; n-- {
		d, err := c.Receive(ctx)
		if err != nil || come[d.Offset] {
			t.Fatalf("%s: %s: Receive() = offset %d, %v, with %d more to come", x.kind, w.name, d.Offset, err, n)
		}
		come[d.Offset] = true
		if err := errors.Join(w.got(0, d.Offset), x.value(d.Offset, d.Value)); err != nil {
			t.Fatalf("%s: after kill -9: %v", x.kind, err)
		}
		if ack {
			must(t, d.Ack())
			w.done[d.Offset] = true
		}
	}
	idle(t, c)
	return come
}

// Processes that produce and work are killed, again and again. Whatever was appended comes to every consumer at least once, in
// order; what was acknowledged and saved never comes again; and Depth says what will come.
func TestKillWorkers(t *testing.T) {
	for _, kind := range slices.Sorted(maps.Keys(workQueues)) {
		x := &trial{dir: t.TempDir(), kind: kind, consumers: map[string]*witness{}, values: map[sluice.Offset]string{}}
		for name := range policies {
			x.consumers[name] = newWitness(name)
		}
		for round := range *kills {
			x.live(t, time.Duration(20+round*37%110)*time.Millisecond)
			if round%3 != 1 { // else the next life begins with what this one left
				x.check(t, false)
			}
		}
		x.check(t, true)
		x.check(t, true)
		for _, w := range x.consumers {
			for off := range x.values {
				if !w.delivered[off] {
					t.Errorf("%s: %s never got offset %d", kind, w.name, off)
				}
			}
		}
		if len(x.values) == 0 {
			t.Errorf("%s: nothing happened", kind)
		}
		t.Logf("%s: %d values", kind, len(x.values))
	}
}
