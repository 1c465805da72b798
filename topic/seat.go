package topic

import "github.com/sluice-go/sluice"

// maxTurn is how many messages a topic may hand out before the others that have some get their turns.
const maxTurn = 64

// A place is where a seat is linked. It changes
//
//	nowhere -> onBell    by the reader, under bell.mu
//	onBell  -> inReady   by whoever rings or pays a duty, under bell.mu and inbox.mu
//	nowhere <-> inReady  by the reader, under inbox.mu
//	any     -> nowhere   by detach, under both
//
// "The reader" is whoever holds reader.mu.
type place uint8

const (
	nowhere place = iota // the reader has it in hand, or its topic failed
	onBell               // the topic has no news
	inReady              // it has, or may have
)

// A seat is the place of one subscription in one topic.
type seat[K comparable, T any] struct {
	// Constant.
	reader *reader[K, T]
	topic  *Topic[K, T]
	cur    *sluice.Cursor[T] // used by the reader only

	// Guarded by bell.mu and inbox.mu, see place.
	prev, next *seat[K, T]
	ticket     uint64
	where      place

	// Guarded by reader.mu.
	ended bool          // the topic's log has, and everything was read
	rest  []T           // lent by cur, not handed out yet
	pos   sluice.Offset // of the next message, in the topic
	later *seat[K, T]   // in the next topic of this name, which waits until this one has ended
}

func newSeat[K comparable, T any](r *reader[K, T], t *Topic[K, T], p sluice.Position) *seat[K, T] {
	cur := t.log.Cursor(p)
	return &seat[K, T]{reader: r, topic: t, cur: cur, pos: cur.Offset()}
}

// poll returns what the topic has now, up to a turn; it stays valid until the next poll that finds nothing left of it.
func (s *seat[K, T]) poll() (vs []T, err error) {
	if len(s.rest) == 0 {
		if s.rest, err = s.cur.TryBatch(); err != nil {
			return nil, err
		}
	}
	n := min(len(s.rest), maxTurn)
	vs, s.rest = s.rest[:n], s.rest[n:]
	return vs, nil
}

// pollOrListen is poll that leaves the seat on the bell if there is nothing; else it is nowhere.
func (s *seat[K, T]) pollOrListen() (vs []T, err error) {
	if vs, err = s.poll(); err != nil || len(vs) > 0 {
		return vs, err
	}
	s.topic.bell.listen(s)
	if vs, err = s.poll(); err != nil || len(vs) > 0 {
		s.detach()
	}
	return vs, err
}

// detach takes the seat from wherever it is linked.
func (s *seat[K, T]) detach() {
	b, in := &s.topic.bell, &s.reader.inbox
	b.mu.Lock()
	defer b.mu.Unlock()
	in.mu.Lock()
	defer in.mu.Unlock()
	switch s.where {
	case onBell:
		b.removeLocked(s)
	case inReady:
		in.ready.remove(s)
	}
	s.where = nowhere
}

// leave ends the seat for good.
func (s *seat[K, T]) leave() {
	s.detach()
	s.rest = nil
	s.cur.Close()
}

// seek moves to p.
func (s *seat[K, T]) seek(p sluice.Position) error {
	if err := s.cur.Seek(p); err != nil {
		return err
	}
	s.rest, s.pos = nil, s.cur.Offset()
	return nil
}
