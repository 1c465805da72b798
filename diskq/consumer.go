package diskq

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/internal/notify"
	"github.com/sluice-go/sluice/internal/spawn"
)

// ConsumerOptions are the choices of a consumer. The zero value is: from the oldest value on, a value stays with whoever has
// it until he says something, at most 1024 at once, the position saved every 1000 acknowledgements and every second. They
// may differ from one opening to the next.
type ConsumerOptions struct {
	// Start is where a consumer that does not exist yet begins. The zero Position is the oldest retained value.
	Start sluice.Position

	// AckWait is how long a delivery may stay unsettled: then whoever has it is thought gone, and the value is handed out
	// again. It begins when the delivery is received; behind a buffered channel, where that can't be seen, up to AckWait
	// later. 0: for ever, which is until the consumer is closed.
	AckWait time.Duration

	// MaxInFlight is how many deliveries may be unsettled at once: then nothing more is handed out. 0: 1024. At most 16384.
	// With AutoAck it says nothing.
	MaxInFlight int

	// MaxAttempts is how often a value is handed out at most. After that, when Nack or AckWait would have it handed out
	// again, it goes to DeadLetter. 0: no limit. At most 254. See Delivery.Attempt.
	MaxAttempts int

	// DeadLetter gets the values whose attempts are used up: a sluice.Sink[Delivery[T]] or a sluice.Sink[T]. Such a value is
	// settled when the sink has it; while the sink fails it is asked again, after 100 ms to 10 s. A crash in between gives it
	// the value twice. Its Append is called by one goroutine. nil: they are dropped, and counted in ConsumerStats.Dead.
	DeadLetter any

	// AutoAck acknowledges each delivery when it is received: the queue is a plain FIFO. From a buffered channel that is when
	// it was taken out, as seen when the next is put in, the position is saved, or Depth is asked for, and within 100 ms.
	AutoAck bool

	// SaveAfter is after how many acknowledgements the position is written to its file, which survives the end of the
	// process. The call that completes them does it; it takes a microsecond. 0: 1000. 1: Ack returns when it is written.
	// Negative: only the other rules hold.
	SaveAfter int

	// SaveEvery is how often the position is brought to stable storage, which survives a loss of power, if it changed. 0:
	// every second. Negative: only by Commit and Close, and before DeleteConsumed deletes.
	SaveEvery time.Duration
}

// checked returns o with the defaults filled in, or what is wrong with it.
func (o ConsumerOptions) checked() (ConsumerOptions, error) {
	switch {
	case o.AckWait < 0:
		return o, fmt.Errorf("diskq: ConsumerOptions.AckWait is %v: it must not be negative", o.AckWait)
	case o.MaxInFlight < 0 || o.MaxInFlight > maxAhead:
		return o, fmt.Errorf("diskq: ConsumerOptions.MaxInFlight is %d: it must be between 0 and %d", o.MaxInFlight, maxAhead)
	case o.MaxAttempts < 0 || o.MaxAttempts >= markSettled:
		return o, fmt.Errorf("diskq: ConsumerOptions.MaxAttempts is %d: it must be between 0 and %d", o.MaxAttempts, markSettled-1)
	case o.DeadLetter != nil && o.MaxAttempts == 0:
		return o, errors.New("diskq: ConsumerOptions.DeadLetter is set and MaxAttempts is 0: it would never get anything")
	case o.AutoAck && (o.AckWait > 0 || o.MaxAttempts > 0):
		return o, errors.New("diskq: ConsumerOptions.AutoAck settles each delivery at once: AckWait and MaxAttempts must be 0")
	}
	if o.MaxInFlight == 0 {
		o.MaxInFlight = 1024
	}
	if o.SaveAfter == 0 {
		o.SaveAfter = 1000
	}
	if o.SaveEvery == 0 {
		o.SaveEvery = time.Second
	}
	return o, nil
}

// Consumer is a durable place in a queue, with a name, and the work that is done from there: it hands out each value until
// it is acknowledged, so at least once. Many goroutines and channels may share one; each value goes to one of them. Open
// one with [DiskQueue.Consumer]. All methods are safe for concurrent use.
//
// First deliveries come in the order of the queue; what is handed out again comes before what never was. Nothing is handed
// out that lies 16384 values or more behind the oldest unsettled one.
//
// Gaps (*[sluice.LagError], *[sluice.CorruptError]) are told to one of those who receive, once, and are not final. One that
// was told since the position was last saved is told again after a crash.
type Consumer[T any] struct {
	q      *DiskQueue[T]
	o      ConsumerOptions
	mark   *bookmark
	start  time.Time
	bury   func(ctx context.Context, d Delivery[T]) error // into DeadLetter; nil: nowhere
	quit   chan struct{}                                  // closed by Close
	cancel context.CancelCauseFunc                        // of the context that DeadLetter gets
	alarm  chan struct{}                                  // for the keeper
	grave  chan struct{}                                  // for the undertaker
	tasks  sync.WaitGroup                                 // keeper, undertaker and the goroutines of channels
	bell   notify.List                                    // on which everybody sleeps who waits for work

	closeOnce sync.Once
	closeErr  error // guarded by closeOnce

	rereading sync.Mutex
	again     *reader[T] // for what is handed out again; guarded by rereading

	r *reader[T] // for what never was; it belongs to the leader

	// lock order: mark.mu, then rereading or mu, then those of notify.
	mu     sync.Mutex
	out    outstanding
	batch  []T // batch[next:] are the values from out.head on; lent by r until the leader polls again
	next   int
	fresh  error               // what r said behind batch: a gap from there on, or another error
	gaps   []error             // found among the values before out.head, to be told
	kept   map[sluice.Offset]T // values that were given back and nobody saw
	graves []sluice.Offset     // dead, and not buried yet
	closed bool

	// The leader polls r, or sleeps on the queue's list until there is more; everybody else sleeps on bell alone. One of
	// those who sleep is woken when there is work for him, or no leader; he wakes the next, see passOnLocked.
	leader bool
	queue  sleepers   // in Receive, All and Peek
	chans  sleepers   // for channels; they are served last
	hungry int        // of the former, those that have not got up
	waking bool       // somebody was woken and has not got up
	idlers []*sleeper // to be used again
	feeds  []*feed[T] // the channels
	offers []*feed[T] // those that offer a value

	unsaved  int   // settled and not written to the file
	released bool  // by Close, which saved; guarded by mark.mu too
	dirty    bool  // there is something to save, and the keeper knows
	urgent   bool  // the keeper is to save at once: a writer waits for room
	saveAt   int64 // when the keeper saves; as all times, nanoseconds since start; 0: it is not to
	noteAt   int64 // when the keeper looks what became of values in buffered channels; 0: there are none
	wakeAt   int64 // when the keeper wakes by itself
	stats    ConsumerStats
}

const never = 1<<63 - 1

// Consumer opens the consumer of that name, which is created if there is none; Close it when done. Only one may be open of a
// name. A name has 1 to 64 bytes, of any kind.
//
// A consumer exists, and holds back what [Options.DeleteConsumed] would delete, until [DiskQueue.RemoveConsumer].
func (q *DiskQueue[T]) Consumer(name string, o ConsumerOptions) (*Consumer[T], error) {
	o, err := o.checked()
	if err != nil {
		return nil, err
	}
	c := &Consumer[T]{
		q: q, o: o, start: time.Now(), wakeAt: never,
		quit: make(chan struct{}), alarm: make(chan struct{}, 1), grave: make(chan struct{}, 1),
		kept: map[sluice.Offset]T{},
	}
	if c.bury, err = burial[T](o.DeadLetter); err != nil {
		return nil, err
	}
	if err := q.marks.open(name, o.Start, c); err != nil {
		return nil, err
	}
	return c, nil
}

// begin makes c the consumer of a bookmark, before anybody else hears of it.
func (c *Consumer[T]) begin(b *bookmark) {
	c.mark = b
	c.restore()
	c.r = newReader(&c.q.w.segments, c.q.codec, sluice.At(c.out.head))
	c.again = newReader(&c.q.w.segments, c.q.codec, sluice.Oldest())
	for _, r := range []*reader[T]{c.r, c.again} { // also with LentBytes: a delivery outlives its batch
		r.lends = false
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	c.cancel = cancel
	c.tasks.Go(c.keep)
	if c.bury != nil {
		c.tasks.Add(1)
		spawn.Go(func() { c.undertake(ctx) }, c.tasks.Done) // the sink and the codec are the caller's
	}
}

// restore takes up what was saved.
func (c *Consumer[T]) restore() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.out.restore(c.mark.position, c.mark.marks)
	c.stats.MovedBack, c.stats.Damaged = c.mark.movedBack, c.mark.damaged
	for off := c.out.base; off < c.out.head; off++ {
		if e := c.out.at(off); e != nil && e.standing == idle && c.spent(e) {
			c.buryLocked(e, off)
		}
	}
}

// Depth returns how many values were appended and not acknowledged yet, those in flight included. Values that were dropped
// unread don't count. It is exact, also after a crash: the values that will be handed out.
func (c *Consumer[T]) Depth() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.noteLocked()
	first, next := c.q.Bounds()
	if first <= c.out.base {
		return int64(next-c.out.base) - int64(c.out.beyond)
	}
	depth := int64(next - max(first, c.out.head))
	for off := first; off < c.out.head; off++ {
		if c.out.at(off).standing != settled {
			depth++
		}
	}
	return depth
}

// InFlight returns how many deliveries are received and not settled. Behind a buffered channel those count that are in it; the
// value that an unbuffered one offers does not.
func (c *Consumer[T]) InFlight() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.noteLocked()
	return c.out.flying
}

// Commit brings the position to stable storage: what was acknowledged before is never handed out again. ctx is looked at
// before it begins.
func (c *Consumer[T]) Commit(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	c.mu.Lock()
	closed := c.closed
	c.mu.Unlock()
	if closed {
		return sluice.ErrClosed
	}
	return c.commit()
}

// Close ends the consumer, and saves its position: those who receive get [sluice.ErrClosed], channels are closed, and what is
// not acknowledged by then will be handed out to the next who opens it. It waits for an append to DeadLetter, whose context ends. An
// error says that the last acknowledgements are not saved. It is idempotent.
func (c *Consumer[T]) Close() error {
	c.closeOnce.Do(func() { c.closeErr = c.close() })
	return c.closeErr
}

func (c *Consumer[T]) close() error {
	c.mu.Lock()
	c.closed = true
	for _, f := range c.feeds {
		f.cancel(errStopped)
	}
	c.mu.Unlock()
	c.cancel(sluice.ErrClosed)
	close(c.quit)
	c.bell.Wake()
	c.tasks.Wait()
	err := c.commit()
	c.release()
	return errors.Join(err, c.mark.release(c.q.marks))
}

// release ends saving: the bookmark is the next consumer's, or is removed.
func (c *Consumer[T]) release() {
	c.mark.mu.Lock()
	defer c.mark.mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.released = true
}

func (c *Consumer[T]) now() int64 { return int64(time.Since(c.start)) }

// later returns the time that lies d behind now, or never.
func later(now int64, d time.Duration) int64 { return now + min(int64(d), never-now) }

// patience is how long lock yields before it sleeps.
const patience = time.Millisecond

// lock locks mu, for those who receive and acknowledge: they hold it for some ten nanoseconds, again and again. To sleep for it
// would cost more than all the rest, and so would to wrest it from another processor each time: who finds it held leaves it
// to the other for a while, longer each time. Where the processors are busy with something else a yield may last for
// milliseconds: then one is enough.
func (c *Consumer[T]) lock() {
	if c.mu.TryLock() {
		return
	}
	start := time.Now()
	for yields := 4; yields <= 256; yields *= 2 { // an end for bubbles too, where no time passes
		for range yields {
			runtime.Gosched()
			if time.Since(start) > patience {
				c.mu.Lock()
				return
			}
		}
		if c.mu.TryLock() {
			return
		}
	}
	c.mu.Lock()
}
