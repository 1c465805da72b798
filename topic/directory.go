package topic

import (
	"hash/maphash"
	"sync"
	"sync/atomic"
)

// A directory finds topics by name. Looking one up takes no lock, so publishers don't slow each other down: a hash, and as a rule
// two loads. A sync.Map takes 20 ns more, as long as a publish, because it knows its keys as interfaces only. In a table of
// the least size, which holds four topics, names are compared one after the other: that is faster than the hash.
//
// It is a table of open addressing: a topic stands in the first slot behind its hash that was free when it came. In a table of
// the least size all hashes count as 0.
//   - A slot goes nil -> a topic -> gone -> a topic -> …, never back to nil, so a search that passes it stays right. Each change
//     is under mu.
//   - At least half of the slots of a table are nil, for ever, so each search ends.
//   - A table that is full is copied, and never changes after the copy has taken its place.
//
// So a search that overlaps a put or a delete may miss the one, and find what the other took out, as if it had come before.
// Whoever must know looks again under [Hub.making], where topics are made.
type directory[K comparable, T any] struct {
	seed maphash.Seed // constant
	gone *Topic[K, T] // constant: stands where a topic was. Its number is 0, which is no topic's

	slots atomic.Pointer[[]slot[K, T]] // as many as a power of two

	mu   sync.Mutex
	live int // topics
	used int // slots that are not nil
}

type slot[K comparable, T any] = atomic.Pointer[Topic[K, T]]

// minSlots is the size of an empty table.
const minSlots = 8

func (d *directory[K, T]) init() {
	d.seed, d.gone = maphash.MakeSeed(), new(Topic[K, T])
	slots := make([]slot[K, T], minSlots)
	d.slots.Store(&slots)
}

// find returns the topic of that name, or nil.
func (d *directory[K, T]) find(key K) *Topic[K, T] {
	_, t := d.search(key)
	return t
}

// search returns the topic with its slot, or nil twice.
func (d *directory[K, T]) search(key K) (*slot[K, T], *Topic[K, T]) {
	slots := *d.slots.Load()
	var i uint64
	if len(slots) > minSlots {
		i = d.hash(key)
	}
	for ; ; i++ {
		s := &slots[i&uint64(len(slots)-1)]
		t := s.Load()
		if t == nil {
			return nil, nil
		}
		if t.key == key && t.number != 0 {
			return s, t
		}
	}
}

// hash panics if key is nothing that maps take.
func (d *directory[K, T]) hash(key K) uint64 { return maphash.Comparable(d.seed, key) }

// put adds t, whose name is not there, and whose hash is set.
func (d *directory[K, T]) put(t *Topic[K, T]) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if 2*(d.used+1) > len(*d.slots.Load()) {
		d.resizeLocked()
	}
	d.live++
	if d.place(*d.slots.Load(), t) {
		d.used++
	}
}

// place stores t in the first slot that is free, and reports whether that was nil.
func (d *directory[K, T]) place(slots []slot[K, T], t *Topic[K, T]) (fresh bool) {
	var i uint64
	if len(slots) > minSlots {
		i = t.hash
	}
	for ; ; i++ {
		s := &slots[i&uint64(len(slots)-1)]
		if was := s.Load(); was == nil || was == d.gone {
			s.Store(t)
			return was == nil
		}
	}
}

// delete takes the topic of that name out, and returns it, or nil.
func (d *directory[K, T]) delete(key K) *Topic[K, T] {
	d.mu.Lock()
	defer d.mu.Unlock()
	s, t := d.search(key)
	if t == nil {
		return nil
	}
	s.Store(d.gone)
	d.live--
	if size := len(*d.slots.Load()); size > minSlots && 8*d.live < size {
		d.resizeLocked() // also what removed topics took is given back
	}
	return t
}

// resizeLocked makes a table for twice as many topics as there are: of them a quarter of its slots is taken, so that many
// puts or deletes pass before the next copy, and all of them cost about as much as without.
func (d *directory[K, T]) resizeLocked() {
	size := minSlots
	for size < 4*d.live {
		size *= 2
	}
	slots := make([]slot[K, T], size)
	for t := range d.each {
		d.place(slots, t)
	}
	d.used = d.live
	d.slots.Store(&slots)
}

// each yields the topics that there are, in no order. One that comes or goes meanwhile may be among them or not.
func (d *directory[K, T]) each(yield func(*Topic[K, T]) bool) {
	slots := *d.slots.Load()
	for i := range slots {
		if t := slots[i].Load(); t != nil && t.number != 0 && !yield(t) {
			return
		}
	}
}

func (d *directory[K, T]) len() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.live
}
