package topic

import (
	"context"
	"sync/atomic"

	"github.com/sluice-go/sluice"
)

var _ sluice.Log[int] = (*Topic[string, int])(nil)

// Topic is one topic of a hub, as a log: what is appended to it reaches the hub's subscriptions. It is what [Hub.Topic]
// returns; publishing through it saves the search for the name. Once the topic is removed it is a closed log.
type Topic[K comparable, T any] struct {
	key     K // constant, like log, number and hash
	log     sluice.Log[T]
	number  int64       // of the topics of the hub, as they were made, from 1
	hash    uint64      // of key, see directory
	removed atomic.Bool // stored before the log is closed for that
	bell    bell[K, T]
}

// Key returns the topic's name.
func (t *Topic[K, T]) Key() K { return t.key }

// Log returns what the function given to [New] made. Reading and trimming it is fine; whoever appends to it directly, or
// closes or aborts it, calls [Topic.Notify] behind that.
func (t *Topic[K, T]) Log() sluice.Log[T] { return t.log }

// Notify makes subscriptions look at the log again, for who has changed it behind the topic's back.
func (t *Topic[K, T]) Notify() { t.bell.ring() }

// Append is the log's, and tells the subscriptions. If the log panics, and somebody recovers, nobody is told before the next
// append or [Topic.Notify]: a defer here would be a tenth of what a publish costs.
func (t *Topic[K, T]) Append(ctx context.Context, v T) (sluice.Offset, error) {
	off, err := t.log.Append(ctx, v)
	t.bell.ring() // also if it failed: a value may be there
	return off, err
}

// AppendAll is the log's, and tells the subscriptions.
func (t *Topic[K, T]) AppendAll(ctx context.Context, vs []T) (first sluice.Offset, err error) {
	defer t.bell.ring() // whatever came of it: values may be there though the log failed, or panicked
	return t.log.AppendAll(ctx, vs)
}

// Bounds is the log's.
func (t *Topic[K, T]) Bounds() (first, next sluice.Offset) { return t.log.Bounds() }

// Cursor is the log's: it reads the values of this topic alone.
func (t *Topic[K, T]) Cursor(p sluice.Position) *sluice.Cursor[T] { return t.log.Cursor(p) }

// Close closes the log; subscriptions get what is retained. The topic keeps its name until it is removed, so publishing to
// that returns [sluice.ErrClosed].
func (t *Topic[K, T]) Close() error {
	defer t.bell.ring()
	return t.log.Close()
}
