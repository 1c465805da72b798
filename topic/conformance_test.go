package topic_test

import (
	"context"
	"testing"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/replay"
	"github.com/sluice-go/sluice/ring"
	"github.com/sluice-go/sluice/sourcetest"
	"github.com/sluice-go/sluice/topic"
)

type message = topic.Message[string, int]

// An only is a hub with one topic as a log: appended to by Publish, read by subscriptions.
type only struct {
	hub    *topic.Hub[string, int]
	topic  *topic.Topic[string, int]
	follow bool // read by Follow, else by Subscribe
}

const key = "only"

func (o only) Append(ctx context.Context, m message) (sluice.Offset, error) {
	return o.hub.Publish(ctx, key, m.Value)
}

func (o only) AppendAll(ctx context.Context, ms []message) (sluice.Offset, error) {
	vs := make([]int, len(ms))
	for i, m := range ms {
		vs[i] = m.Value
	}
	return o.hub.PublishAll(ctx, key, vs)
}

func (o only) Bounds() (first, next sluice.Offset) { return o.topic.Bounds() }

func (o only) Cursor(p sluice.Position) *sluice.Cursor[message] {
	if o.follow {
		return o.hub.Follow(topic.Options[string]{Keys: []string{key}, From: p}).Cursor
	}
	return o.hub.Subscribe(p, key)
}

func (o only) Close() error { return o.hub.Close() }

// An onlyReplay can do what a replay can.
type onlyReplay struct{ only }

func (o onlyReplay) log() *replay.Replay[int] { return o.topic.Log().(*replay.Replay[int]) }

func (o onlyReplay) CloseWithError(err error) error {
	defer o.topic.Notify()
	return o.log().CloseWithError(err)
}

func (o onlyReplay) Trim(before sluice.Offset) { o.log().Trim(before) }

func TestConformance(t *testing.T) {
	for _, row := range []struct {
		name     string
		open     func() sluice.Log[int]
		room     int64
		blocking bool
	}{
		{"third party", func() sluice.Log[int] { return new(plainLog) }, 0, false},
		{"replay", func() sluice.Log[int] { return replay.New[int](replay.Options{}) }, 0, false},
		{"replay of 20", func() sluice.Log[int] { return replay.New[int](replay.Options{MaxValues: 20}) }, 20, false},
		{"ring of 8", func() sluice.Log[int] { return ring.New[int](8, ring.Options{}) }, 8, false},
		{"ring of 1000", func() sluice.Log[int] { return ring.New[int](1000, ring.Options{}) }, 1000, false},
		{"gated ring of 1", func() sluice.Log[int] { return ring.New[int](1, ring.Options{Policy: ring.Gated}) }, 1, true},
		{"gated ring of 100", func() sluice.Log[int] { return ring.New[int](100, ring.Options{Policy: ring.Gated}) }, 100, true},
	} {
		for _, follow := range []bool{false, true} {
			name := row.name + "/Subscribe"
			if follow {
				name = row.name + "/Follow"
			}
			t.Run(name, func(t *testing.T) {
				sourcetest.Test(t, sourcetest.Config[message]{
					New: func(t testing.TB) sluice.Log[message] {
						hub := topic.New(func(string) sluice.Log[int] { return row.open() })
						top, err := hub.Topic(key)
						if err != nil {
							t.Fatal(err)
						}
						o := only{hub, top, follow}
						if _, ok := top.Log().(*replay.Replay[int]); ok {
							return onlyReplay{o}
						}
						return o
					},
					Value: func(n int64) message { return message{Key: key, Offset: sluice.Offset(n), Value: int(n)} },
					// Some rules append values in another order, so the offset of a message is not that of Value.
					Equal:    func(a, b message) bool { return a.Key == b.Key && a.Value == b.Value },
					Room:     row.room,
					Blocking: row.blocking,
				})
			})
		}
	}
}
