package rings

import "github.com/sluice-go/sluice/bench/values"

// Log is a rival, set up. The calls are few and long: see the package comment.
type Log interface {
	// Append appends the values numbered from to from+n-1. Only rivals with Writers allow more than one call at once.
	Append(from, n int)

	// Close says that no more values will come.
	Close()

	// Reader opens a reader at the next value and returns its loop, which reads to the end. It is not called while
	// values are appended.
	Reader() (read func() Tally)
}

// Rival is a way to broadcast values through bounded memory.
type Rival struct {
	Name    string
	New     func(capacity int) Log
	Lossy   bool // a slow reader misses values, and says how many
	Writers bool // many goroutines may append
	Modest  bool // it needs no reader to make room: it can be measured alone
}

// Names of rivals.
const (
	Channels     = "channels"
	Cond         = "cond"
	Cond16       = "cond-16"
	Slots        = "pointer-slots"
	SlotsShared  = "pointer-slots-shared"
	Tokio        = "tokio"
	Disruptor    = "disruptor"
	Disruptor16  = "disruptor-16"
	GoBroadcast  = "go-broadcast"
	PubSub       = "cskr-pubsub"
	Bound        = "one-goroutine"
	Gated        = "gated"
	GatedBatches = "gated-batches"
	Gated16      = "gated-16"
	GatedFill16  = "gated-fill-16"
	GatedChan    = "gated-chan"

	GatedChanFull = "gated-chan-1024"

	GoDisruptor   = "go-disruptor"
	GoDisruptor16 = "go-disruptor-16"

	GatedSingle        = "gated-single"
	GatedSingleBatches = "gated-single-batches"
	GatedSingle16      = "gated-single-16"

	Overwrite    = "overwrite"
	Overwrite16  = "overwrite-16"
	Single       = "overwrite-single"
	Single16     = "overwrite-single-16"
	SingleFill16 = "overwrite-single-fill-16"
)

// Rivals returns all of them, carrying T, Sluice's last. A name that ends in 16 appends 16 values at a time; all others
// append one by one.
func Rivals[T values.Value]() []Rival {
	return append([]Rival{
		{Name: Channels, New: newChannels[T], Writers: true},
		{Name: Cond, New: newCond[T](1), Writers: true},
		{Name: Cond16, New: newCond[T](16), Writers: true},
		{Name: Slots, New: newSlots[T](false), Lossy: true, Modest: true},
		{Name: SlotsShared, New: newSlots[T](true), Lossy: true, Modest: true, Writers: true},
		{Name: Tokio, New: newTokio[T], Lossy: true, Modest: true, Writers: true},
		{Name: Disruptor, New: newDisruptor[T](1), Modest: true},
		{Name: Disruptor16, New: newDisruptor[T](16), Modest: true},
		{Name: GoDisruptor, New: newGoDisruptor[T](1), Modest: true},
		{Name: GoDisruptor16, New: newGoDisruptor[T](16), Modest: true},
		{Name: GoBroadcast, New: newGoBroadcast[T], Writers: true},
		{Name: PubSub, New: newPubSub[T], Writers: true},
		{Name: Bound, New: newBound[T]},
	}, ours[T]()...)
}

// of returns the rival of that name.
func of[T values.Value](name string) Rival {
	for _, r := range Rivals[T]() {
		if r.Name == name {
			return r
		}
	}
	panic("rings: no rival " + name)
}
