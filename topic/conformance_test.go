package topic_test

import (
	"context"
	"testing"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/diskq"
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
	ringOf := func(capacity int, o ring.Options) func(testing.TB) sluice.Log[int] {
		return func(testing.TB) sluice.Log[int] { return ring.New[int](capacity, o) }
	}
	replayOf := func(o replay.Options) func(testing.TB) sluice.Log[int] {
		return func(testing.TB) sluice.Log[int] { return replay.New[int](o) }
	}
	for _, row := range []struct {
		name string
		open func(testing.TB) sluice.Log[int]
		cfg  config // what is special
	}{
		{"third party", func(testing.TB) sluice.Log[int] { return new(plainLog) }, config{}},
		{"replay", replayOf(replay.Options{}), config{}},
		{"replay of 20", replayOf(replay.Options{MaxValues: 20}), config{Room: 20}},
		{"ring of 8", ringOf(8, ring.Options{}), config{Room: 8}},
		{"ring of 1000", ringOf(1000, ring.Options{}), config{Room: 1000}},
		{"ring of 8 with one writer", ringOf(8, ring.Options{SingleWriter: true}), config{Room: 8, OneWriter: true}},
		{"gated ring of 1", ringOf(1, ring.Options{Policy: ring.Gated}), config{Room: 1, Blocking: true}},
		{"gated ring of 100", ringOf(100, ring.Options{Policy: ring.Gated}), config{Room: 100, Blocking: true}},
		{"gated ring of 100 with one writer", ringOf(100, ring.Options{Policy: ring.Gated, SingleWriter: true}),
			config{Room: 100, Blocking: true, OneWriter: true}},
		{"diskq", func(t testing.TB) sluice.Log[int] { return openQueue(t, t.TempDir()) }, config{Slow: true}},
	} {
		for _, follow := range []bool{false, true} {
			name := row.name + "/Subscribe"
			if follow {
				name = row.name + "/Follow"
			} else if row.cfg.Slow {
				continue // the disk is, and what differs is how they end
			}
			t.Run(name, func(t *testing.T) {
				cfg := row.cfg
				cfg.New = func(t testing.TB) sluice.Log[message] {
					hub := topic.New(func(string) sluice.Log[int] { return row.open(t) })
					top, err := hub.Topic(key)
					if err != nil {
						t.Fatal(err)
					}
					o := only{hub, top, follow}
					if _, ok := top.Log().(*replay.Replay[int]); ok {
						return onlyReplay{o}
					}
					return o
				}
				cfg.Value = func(n int64) message { return message{Key: key, Offset: sluice.Offset(n), Value: int(n)} }
				// Some rules append values in another order, so the offset of a message is not that of Value.
				cfg.Equal = func(a, b message) bool { return a.Key == b.Key && a.Value == b.Value }
				sourcetest.Test(t, cfg)
			})
		}
	}
}

type config = sourcetest.Config[message]

func openQueue(t testing.TB, dir string) *diskq.DiskQueue[int] {
	q, err := diskq.Open(dir, diskq.Varint[int](), diskq.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return q
}
