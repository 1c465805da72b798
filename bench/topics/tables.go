package topics

import (
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/sluice-go/sluice/bench/ratio"
)

// Tables returns the tables of this package for n values, with the goals that package topic is held to. Tables with many
// readers handle fewer.
func Tables(n int) (tables []*ratio.Table) {
	for _, readers := range []int{1, 4, 16} {
		tables = append(tables, fanOutTable(n/readers, readers))
	}
	return append(tables, publishTable(n))
}

func fanOutTable(n, readers int) *ratio.Table {
	t := &ratio.Table{
		Title: fmt.Sprintf("Topics, %d topics, consumers of all: %d, per publish", Count, readers),
		Ours:  Hub,
	}
	for _, r := range Rivals() {
		values := n
		if r.Slow {
			values = max(n/20, 1)
		}
		t.Rows = append(t.Rows, ratio.Row{Name: r.Name, Run: func() (ratio.Sample, error) {
			before := allocated()
			took, err := TimeFanOut(r, values, readers)
			return ratio.Sample{
				Nanos: float64(took.Nanoseconds()) / float64(values),
				Bytes: float64(allocated()-before) / float64(values),
			}, err
		}})
	}
	for _, peer := range []string{PubSub, Broadcast, NATS, Watermill, Channels, ChannelsNamed} {
		t.Goals = append(t.Goals, ratio.Goal{Row: Hub, Peer: peer, AtLeast: 3})
	}
	// The publisher here is the only one, so these are what a program would take; a channel has no such form.
	t.Goals = append(t.Goals,
		ratio.Goal{Row: HubSingle, Peer: Channels, AtLeast: 3},
		ratio.Goal{Row: HubSingle, Peer: ChannelsNamed, AtLeast: 3},
		ratio.Goal{Row: HubSingleHandle, Peer: ChannelsHandle, AtLeast: 3})
	return t
}

// publishTable compares hubs of few and many topics. To publish to one topic must cost the same; to publish to all in turn
// costs more, for their memory has to be fetched.
func publishTable(n int) *ratio.Table {
	const one, oneOfMany, allOfMany = "one topic", "one of 100000", "each of 100000 in turn"
	t := &ratio.Table{Title: "Topics, a hub without subscriptions, per publish", Ours: one}
	few := sync.OnceValue(func() *Crowd { return NewCrowd(1, 0, 0) })
	many := sync.OnceValue(func() *Crowd { return NewCrowd(100_000, 0, 0) })
	for _, row := range []struct {
		name  string
		crowd func() *Crowd
		each  bool
	}{{one, few, false}, {oneOfMany, many, false}, {allOfMany, many, true}} {
		t.Rows = append(t.Rows, ratio.Row{Name: row.name, Run: func() (ratio.Sample, error) {
			c := row.crowd()
			start := time.Now()
			c.publish(n, row.each)
			return ratio.Sample{Nanos: float64(time.Since(start).Nanoseconds()) / float64(n)}, nil
		}})
	}
	t.Goals = []ratio.Goal{{Row: oneOfMany, Peer: one, AtMost: 1.3}} // the table of names is larger
	return t
}

// allocated returns how many bytes the process has allocated so far.
func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}
