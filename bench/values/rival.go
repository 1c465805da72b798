package values

// Log is a rival, set up. The calls are few and long: see the package comment.
type Log interface {
	// Append appends the values numbered from to from+n-1, one at a time. It may be called by many goroutines.
	Append(from, n int)

	// Close says that no more values will come.
	Close()

	// Reader opens a reader at the first value and returns its loop, which reads to the end.
	// It is not called concurrently.
	Reader() (read func() Tally)
}

// Rival is a way to fan values out.
type Rival struct {
	Name     string
	New      func() Log
	NoReplay bool // readers get only what is appended after they were opened
	SameLog  bool // it differs from the one before in how it is read only
}

// Names of rivals that goals speak of.
const (
	Mutex         = "mutex"
	Channels      = "channels"
	Replay        = "replay"
	ReplayBatches = "replay-batches"
)

// Rivals returns all of them, carrying T, Sluice's last.
func Rivals[T Value]() []Rival {
	return []Rival{
		{Name: Mutex, New: newMutexLog[T]},
		{Name: "rwmutex", New: newRWMutexLog[T]},
		{Name: "linked", New: newLinkedLog[T]},
		{Name: Channels, New: newChannelLog[T], NoReplay: true},
		{Name: Replay, New: newReplay[T]},
		{Name: ReplayBatches, New: newReplayBatches[T], SameLog: true},
	}
}
