package topics

// Log is a rival, set up. The calls are few and long: see the package comment.
type Log interface {
	// Publish publishes the values numbered 0 to n-1, one at a time.
	Publish(n int)

	// Close says that no more values will come.
	Close()

	// Reader opens a reader of all topics at their ends and returns its loop, which reads until Close. It is not called
	// while values are published.
	Reader() (read func() Tally)
}

// Rival is a way to fan values out by name.
type Rival struct {
	Name string
	New  func() Log
	Slow bool // by so much that fewer values must do
}

// Names of rivals that goals speak of.
const (
	Channels        = "channels"
	ChannelsNamed   = "channels-named"
	ChannelsHandle  = "channels-handle"
	Broadcast       = "go-broadcast"
	PubSub          = "cskr-pubsub"
	NATS            = "nats"
	Watermill       = "watermill"
	Hub             = "hub"
	HubBatches      = "hub-batches"
	HubHandle       = "hub-handle"
	HubSingle       = "hub-single"
	HubSingleHandle = "hub-single-handle"
	HubReplay       = "hub-replay"
)

// capacity is how many values may wait: in each channel, and in each topic of ours.
const capacity = 1024

// Rivals returns all of them, Sluice's last.
func Rivals() []Rival {
	return []Rival{
		{Name: Channels, New: newChannels},
		{Name: ChannelsNamed, New: func() Log { return newNamedChannels(0) }},
		{Name: ChannelsHandle, New: func() Log { return newNamedChannels(handles) }},
		{Name: Broadcast, New: newBroadcast},
		{Name: PubSub, New: newPubSub},
		{Name: NATS, New: newNATS},
		{Name: Watermill, New: newWatermill, Slow: true},
		{Name: Hub, New: func() Log { return newHub(gated, 0) }},
		{Name: HubBatches, New: func() Log { return newHub(gated, batches) }},
		{Name: HubHandle, New: func() Log { return newHub(gated, handles) }},
		{Name: HubSingle, New: func() Log { return newHub(alone, 0) }},
		{Name: HubSingleHandle, New: func() Log { return newHub(alone, handles) }},
		{Name: HubReplay, New: func() Log { return newHub(everything, 0) }},
	}
}
