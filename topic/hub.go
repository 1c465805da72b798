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

	topics directory[K, T]

	// making is held while a topic is made, while a subscription begins, and when the hub is closed. So whoever is in readers
	// when a topic is made is asked about it, and whoever comes later finds it in topics; nobody publishes to it before that.
	// And no topic is made behind the end.
	making sync.Mutex // lock order: making, then mu
	made   int64      // how many topics were; guarded by making, like closed
	closed bool

	mu       sync.Mutex
	readers  map[*reader[K, T]]struct{} // that hear of the hub's end
	matchers map[*reader[K, T]]struct{} // of these, that hear of new topics

	closing  sync.Once
	closeErr error // guarded by closing
}

// New returns a hub without topics. It calls open for each topic when it is first published or subscribed to, one at a time;
// the hub owns the log then, and closes it. open must return a new log for each call, not nil, and must not use the hub.
//
// Any log of this module will do, also several kinds in one hub. One of a third party must have a value ready for Poll when
// its Append returns; one that hears of its own values later, over a network, does not fit.
//
// The hub appends to a log, and closes it, only inside calls of Publish, PublishAll, Remove and Close and of the topic's own
// Append, AppendAll and Close, and in the goroutine that calls. So where these never overlap for a topic, its log may be one
// for a single writer, such as a ring with SingleWriter. Subscriptions only read.
func New[K comparable, T any](open func(key K) sluice.Log[T]) *Hub[K, T] {
	if open == nil {
		panic("topic: New needs a function that makes the log of a topic, got nil")
	}
	h := &Hub[K, T]{
		open:     open,
		readers:  map[*reader[K, T]]struct{}{},
		matchers: map[*reader[K, T]]struct{}{},
	}
	h.topics.init()
	return h
}

// Publish appends v to the topic, which is made if it is not there, and returns v's offset in it. The log decides whether
// it waits for room, until ctx is done; what else it fails with is the log's, too. A topic that is removed meanwhile is
// made anew. On a closed hub it returns [sluice.ErrClosed].
//
// Beside the log's own work it costs the search for the topic (a hash and, as a rule, two loads; with up to four topics less)
// and one atomic load, whatever the number of topics and subscriptions; to make a topic costs a share of copying the table of
// names, too. The first value behind the last that a subscription has read of this topic must be told to it: if it sleeps,
// Publish wakes two of those that do, which tell the others; if it is reading something else, a note costs some
// nanoseconds for each.
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
	if t := h.topics.find(key); t != nil {
		return t, nil
	}
	return h.make(key)
}

func (h *Hub[K, T]) make(key K) (*Topic[K, T], error) {
	h.making.Lock()
	defer h.making.Unlock()
	if t := h.topics.find(key); t != nil { // another was faster
		return t, nil
	}
	if h.closed {
		return nil, sluice.ErrClosed
	}
	hash := h.topics.hash(key) // before anything is made: it may panic
	t := &Topic[K, T]{key: key, hash: hash, log: h.open(key)}
	if t.log == nil {
		panic(fmt.Sprintf("topic: the function given to New returned no log for topic %v", key))
	}
	h.made++
	t.number = h.made
	there := false
	defer func() {
		if !there { // a Match panicked: who follows t already gets its end, and then the next of its name
			t.removed.Store(true)
			t.Close()
		}
	}()
	h.mu.Lock()
	matchers := slices.Collect(maps.Keys(h.matchers))
	h.mu.Unlock()
	for _, r := range matchers {
		r.meet(t)
	}
	h.topics.put(t)
	there = true
	return t, nil
}

// Remove closes the topic's log and forgets it. Its subscriptions get what is retained, then go on without it; publishing or
// subscribing to its name makes a new topic, with offsets of its own, which only subscriptions by Match follow unasked. A
// subscription that nobody reads keeps the log in memory until it is closed. A topic that is not there is no error.
func (h *Hub[K, T]) Remove(key K) error {
	t := h.topics.delete(key)
	if t == nil {
		return nil
	}
	t.removed.Store(true)
	return t.Close()
}

// Keys returns the names of the topics, in no order. One that is made or removed while the loop runs may be missing or not.
func (h *Hub[K, T]) Keys() iter.Seq[K] {
	return func(yield func(K) bool) {
		for t := range h.topics.each {
			if !yield(t.key) {
				return
			}
		}
	}
}

// Len returns how many topics there are.
func (h *Hub[K, T]) Len() int { return h.topics.len() }

// Close closes the logs of all topics: publishing fails, subscriptions, late ones too, get what is retained and then the end.
// It is idempotent, and returns the errors of the logs.
func (h *Hub[K, T]) Close() error {
	h.closing.Do(func() { h.closeErr = h.close() })
	return h.closeErr
}

func (h *Hub[K, T]) close() error {
	h.making.Lock()
	h.closed = true
	h.making.Unlock()
	var errs []error
	for t := range h.topics.each {
		if err := t.Close(); err != nil {
			errs = append(errs, &Error[K]{Key: t.key, Err: err})
		}
	}
	h.mu.Lock()
	readers := slices.Collect(maps.Keys(h.readers))
	h.mu.Unlock()
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
	if r.o.Match != nil {
		topics = slices.Collect(h.topics.each)
	}
	if h.closed {
		r.inbox.end()
		return topics
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.readers[r] = struct{}{}
	if r.o.Match != nil {
		h.matchers[r] = struct{}{}
	}
	return topics
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
