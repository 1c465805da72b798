package topic

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"

	"github.com/sluice-go/sluice"
)

// Hub is a set of named logs, see the package comment. Make one with [New]; it must not be copied. All methods are safe for
// concurrent use.
type Hub[K comparable, T any] struct {
	open func(K) sluice.Log[T] // constant

	// making is held while a topic is made, and while a subscription begins: so whoever is in readers then is asked about
	// the topic, and whoever comes later finds it in topics. Nobody publishes to a topic before that.
	making sync.Mutex // lock order: making, then mu

	mu       sync.RWMutex
	topics   map[K]*Topic[K, T]
	readers  map[*reader[K, T]]struct{} // that hear of the hub's end
	matchers map[*reader[K, T]]struct{} // of these, that hear of new topics
	closed   bool

	closing  sync.Once
	closeErr error // guarded by closing
}

// New returns a hub without topics. It calls open for each topic when it is first published or subscribed to, one at a time;
// the hub owns the log then, and closes it. open must return a new log for each call, not nil, and must not use the hub.
//
// Any log of this module will do, also several kinds in one hub. One of a third party must have a value ready for Poll when
// its Append returns; one that hears of its own values later, over a network, does not fit.
func New[K comparable, T any](open func(key K) sluice.Log[T]) *Hub[K, T] {
	if open == nil {
		panic("topic: New needs a function that makes the log of a topic, got nil")
	}
	return &Hub[K, T]{
		open:     open,
		topics:   map[K]*Topic[K, T]{},
		readers:  map[*reader[K, T]]struct{}{},
		matchers: map[*reader[K, T]]struct{}{},
	}
}

// Publish appends v to the topic, which is made if it is not there, and returns v's offset in it. The log decides whether
// it waits for room, until ctx is done; what else it fails with is the log's, too. A topic that is removed meanwhile is
// made anew. On a closed hub it returns [sluice.ErrClosed].
//
// Beside the log's own work it costs the search for the topic and one atomic load; and, if subscriptions wait for this topic,
// waking two of them, which wake the others. It depends neither on the number of topics nor on that of subscriptions.
func (h *Hub[K, T]) Publish(ctx context.Context, key K, v T) (sluice.Offset, error) {
	for {
		t, err := h.Topic(key)
		if err != nil {
			return 0, err
		}
		off, err := t.Append(ctx, v)
		if err != sluice.ErrClosed || !t.removed.Load() {
			return off, err
		}
	}
}

// PublishAll appends all values of vs to the topic at consecutive offsets, or none, and returns the first of them.
// Otherwise it is as [Hub.Publish].
func (h *Hub[K, T]) PublishAll(ctx context.Context, key K, vs []T) (first sluice.Offset, err error) {
	for {
		t, err := h.Topic(key)
		if err != nil {
			return 0, err
		}
		first, err := t.AppendAll(ctx, vs)
		if err != sluice.ErrClosed || !t.removed.Load() {
			return first, err
		}
	}
}

// Topic returns the topic of that name, which is made if it is not there; on a closed hub that is [sluice.ErrClosed].
func (h *Hub[K, T]) Topic(key K) (*Topic[K, T], error) {
	h.mu.RLock()
	t, closed := h.topics[key], h.closed
	h.mu.RUnlock()
	switch {
	case t != nil:
		return t, nil
	case closed:
		return nil, sluice.ErrClosed
	}
	return h.make(key)
}

func (h *Hub[K, T]) make(key K) (*Topic[K, T], error) {
	h.making.Lock()
	defer h.making.Unlock()
	h.mu.RLock()
	t, closed := h.topics[key], h.closed
	matchers := slices.Collect(maps.Keys(h.matchers))
	h.mu.RUnlock()
	switch {
	case t != nil: // another was faster
		return t, nil
	case closed:
		return nil, sluice.ErrClosed
	}
	t = &Topic[K, T]{key: key, log: h.open(key)}
	if t.log == nil {
		panic(fmt.Sprintf("topic: the function given to New returned no log for topic %v", key))
	}
	for _, r := range matchers {
		r.meet(t)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.topics[key] = t
	return t, nil
}

// Remove closes the topic's log and forgets it. Its subscriptions get what is retained, then go on without it; publishing or
// subscribing to its name makes a new topic, with offsets of its own, which only subscriptions by Match follow unasked. A
// topic that is not there is no error.
func (h *Hub[K, T]) Remove(key K) error {
	h.mu.Lock()
	t := h.topics[key]
	if t != nil {
		t.removed.Store(true)
		delete(h.topics, key)
	}
	h.mu.Unlock()
	if t == nil {
		return nil
	}
	return t.Close()
}

// Keys returns the names of the topics that there are when the loop begins, in no order.
func (h *Hub[K, T]) Keys() iter.Seq[K] {
	return func(yield func(K) bool) {
		h.mu.RLock()
		keys := slices.Collect(maps.Keys(h.topics))
		h.mu.RUnlock()
		for _, key := range keys {
			if !yield(key) {
				return
			}
		}
	}
}

// Len returns how many topics there are.
func (h *Hub[K, T]) Len() int {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return len(h.topics)
}

// Close closes the logs of all topics: publishing fails, subscriptions, late ones too, get what is retained and then the end.
// It is idempotent, and returns the errors of the logs.
func (h *Hub[K, T]) Close() error {
	h.closing.Do(func() { h.closeErr = h.close() })
	return h.closeErr
}

func (h *Hub[K, T]) close() error {
	h.making.Lock()
	h.mu.Lock()
	h.closed = true
	topics, readers := slices.Collect(maps.Values(h.topics)), slices.Collect(maps.Keys(h.readers))
	h.mu.Unlock()
	h.making.Unlock()
	var errs []error
	for _, t := range topics {
		if err := t.Close(); err != nil {
			errs = append(errs, &Error[K]{Key: t.key, Err: err})
		}
	}
	for _, r := range readers {
		r.inbox.end()
	}
	return errors.Join(errs...)
}

// enlist registers a reader for the hub's end and, if it matches, for new topics, and returns the topics that there are for
// it.
func (h *Hub[K, T]) enlist(r *reader[K, T]) (topics []*Topic[K, T]) {
	h.making.Lock()
	defer h.making.Unlock()
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		r.inbox.end()
	} else {
		h.readers[r] = struct{}{}
	}
	if r.o.Match == nil {
		return nil
	}
	if !h.closed {
		h.matchers[r] = struct{}{}
	}
	return slices.Collect(maps.Values(h.topics))
}

// forget undoes enlist.
func (h *Hub[K, T]) forget(r *reader[K, T]) {
	if r.fixed {
		return
	}
	h.mu.Lock()
	delete(h.readers, r)
	delete(h.matchers, r)
	h.mu.Unlock()
}
