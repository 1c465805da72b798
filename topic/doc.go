// Package topic is fan-out by name: a hub of named logs, and cursors that follow several of them at once.
//
// A producer publishes to a name, once, whoever listens. Each consumer follows the names that it wants with one cursor, at its
// own pace, from where it left off.
//
// # Usage
//
//	hub := topic.New(func(room string) sluice.Log[string] {
//		return replay.New[string](replay.Options{MaxValues: 1000})
//	})
//	defer hub.Close()
//	hub.Publish(ctx, "go", "hello")
//
//	cur := hub.Subscribe(sluice.Last(50), "go", "rust")
//	defer cur.Close()
//	for m, err := range cur.All(ctx) {
//		if err != nil {
//			return err
//		}
//		fmt.Println(m.Key, m.Offset, m.Value)
//	}
//
// [Hub.Follow] is for topics that change while they are read, topics that match, and for resuming.
//
// # Concurrency
//
// A hub is safe for concurrent use. It has no goroutines: not for a topic, not for a subscription. A subscription waits in
// the goroutine that reads it, for all of its topics at once. Publishing costs the same with one topic and with a hundred
// thousand, and reading a message the same however many quiet topics the subscription has. A slow reader never holds up
// a publisher or another reader, unless the topic's log does so: a gated ring waits for subscriptions as for other cursors,
// which let it go on at their next turn in that topic. So a loop that publishes to a gated topic that it follows itself may
// wait for itself.
//
// A reader that is faster than its publishers lets 2 µs go by now and then, or the turns of those who wait for its processor,
// while messages keep coming: close behind them it would slow them. Who has read everything sleeps, and is woken at once.
//
// Messages of one topic keep their order. Between topics there is none, but that of turns: 64 messages at most.
//
// # Loss
//
// Each topic keeps what its log does. What a subscription misses of a topic is a gap with its exact range and the topic's name,
// see [Error]; received and missed together are all that was published, in each topic, at every moment.
//
// # Errors
//
// A log that fails (its writer closed it with an error) fails the subscriptions that follow it, with an [Error]: what the
// other topics still have is not delivered as if nothing had happened. [Subscription.Drop] goes on without it. A topic that
// just ends is left out.
//
// A log that fails by itself, as a disk queue does whose disk can't be synced in the background, is noticed by those who wait
// when its topic is published to the next time, or by [Topic.Notify].
package topic
