package topic

import (
	"sync"
	"sync/atomic"
)

// fan is how many sleeping subscriptions each round of telling wakes: more spreads faster over many cores, one is cheapest
// for the publisher.
const fan = 2

// A bell tells the seats of one topic that there is news: values, or the end of its log.
//
// It is the list of parked readers of internal/notify with one difference. A subscription waits for thousands of topics, so
// it must neither park on all of them before each sleep nor look through all of them after it. So a seat stays on the bell
// of its quiet topic while its subscription reads others, and who rings puts it into the subscription's inbox, which is all
// that the subscription looks at.
//
// # The handshake
//
// A subscription that finds nothing in a topic puts its seat on the bell (listen), and looks once more. A publisher appends,
// and then loads waiting. If the second look does not see the value then it came before the append, so the store of waiting
// came before too, and the publisher's load sees it: it rings. This asks of a log only that a value is there for Poll once
// its Append has returned, and that the one synchronizes with the other.
//
// # Telling
//
// A ring makes everybody on the bell due and tells a few: it goes on until it has woken fan subscriptions that sleep. Each of
// these owes the bell another round (see inbox.duties), and pays before it does anything else. So a publisher pays for two
// wakes, not for ten thousand, and the values that come while the news spreads find waiting unset and pay nothing. A
// subscription that does not sleep owes nothing: its reader may be busy for long, and nobody waits for it.
type bell[K comparable, T any] struct {
	// waiting says that there is a seat that no ring has covered. It is stored under mu and loaded by publishers without.
	waiting atomic.Bool

	mu     sync.Mutex // lock order: bell.mu, then inbox.mu
	seats  seatList[K, T]
	ticket uint64 // of the last seat that came
	due    uint64 // seats up to this ticket are to be told
}

// ring tells the seats that there is news. What it tells of has happened.
func (b *bell[K, T]) ring() {
	if b.waiting.Load() {
		b.mu.Lock()
		b.due = b.ticket
		b.waiting.Store(false)
		b.tellLocked()
		b.mu.Unlock()
	}
}

// tell pays a duty.
func (b *bell[K, T]) tell() {
	b.mu.Lock()
	b.tellLocked()
	b.mu.Unlock()
}

func (b *bell[K, T]) tellLocked() {
	for woken := 0; woken < fan; {
		s := b.seats.first
		if s == nil || s.ticket > b.due {
			return
		}
		b.seats.remove(s)
		if s.reader.inbox.news(s) {
			woken++
		}
	}
}

// listen puts s, which is nowhere, on the bell. The caller then looks at the topic again.
func (b *bell[K, T]) listen(s *seat[K, T]) {
	b.mu.Lock()
	b.ticket++
	s.ticket, s.where = b.ticket, onBell
	b.seats.push(s)
	b.waiting.Store(true)
	b.mu.Unlock()
}

// removeLocked takes s off the bell.
func (b *bell[K, T]) removeLocked(s *seat[K, T]) {
	b.seats.remove(s)
	b.waiting.Store(b.seats.last != nil && b.seats.last.ticket > b.due)
}

// A seatList is linked through its seats.
type seatList[K comparable, T any] struct{ first, last *seat[K, T] }

func (l *seatList[K, T]) push(s *seat[K, T]) {
	s.prev, s.next = l.last, nil
	if s.prev != nil {
		s.prev.next = s
	} else {
		l.first = s
	}
	l.last = s
}

func (l *seatList[K, T]) remove(s *seat[K, T]) {
	if s.prev != nil {
		s.prev.next = s.next
	} else {
		l.first = s.next
	}
	if s.next != nil {
		s.next.prev = s.prev
	} else {
		l.last = s.prev
	}
	s.prev, s.next = nil, nil
}
