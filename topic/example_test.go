package topic_test

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/replay"
	"github.com/sluice-go/sluice/ring"
	"github.com/sluice-go/sluice/topic"
)

func newRooms() *topic.Hub[string, string] {
	return topic.New(func(room string) sluice.Log[string] {
		return replay.New[string](replay.Options{MaxValues: 1000})
	})
}

// A cursor over two topics: what they retain, then what is published.
func Example() {
	ctx := context.Background()
	hub := newRooms()
	hub.Publish(ctx, "go", "hello")
	hub.Publish(ctx, "rust", "hi")

	cur := hub.Subscribe(sluice.Last(50), "go", "rust")
	defer cur.Close()
	hub.Publish(ctx, "go", "how are you?")
	hub.Close()
	for m, err := range cur.All(ctx) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(m.Key, m.Offset, m.Value)
	}
	// Output:
	// go 0 hello
	// go 1 how are you?
	// rust 0 hi
}

// Each topic may have a store of its own kind.
func ExampleNew() {
	hub := topic.New(func(name string) sluice.Log[float64] {
		if strings.HasPrefix(name, "alarm/") {
			return replay.New[float64](replay.Options{}) // every one counts
		}
		return ring.New[float64](1000, ring.Options{})
	})
	defer hub.Close()
	off, err := hub.Publish(context.Background(), "alarm/fire", 451)
	fmt.Println(off, err)
	// Output: 0 <nil>
}

// Match follows topics that are made later, too.
func ExampleHub_Follow() {
	ctx := context.Background()
	hub := newRooms()
	sub := hub.Follow(topic.Options[string]{
		Match: func(room string) bool { return strings.HasPrefix(room, "go/") },
	})
	defer sub.Close()
	hub.Publish(ctx, "go/help", "what is a cursor?")
	hub.Publish(ctx, "rust/help", "what is a lifetime?")
	m, err := sub.Next(ctx)
	fmt.Println(m.Key, m.Value, err)

	sub.Add(sluice.Oldest(), "rust/help")
	m, err = sub.Next(ctx)
	fmt.Println(m.Key, m.Value, err)
	// Output:
	// go/help what is a cursor? <nil>
	// rust/help what is a lifetime? <nil>
}

// To resume, keep the offset of the next message of each topic.
func ExampleSubscription_Offsets() {
	ctx := context.Background()
	hub := newRooms()
	for _, text := range []string{"one", "two", "three"} {
		hub.Publish(ctx, "go", text)
		hub.Publish(ctx, "rust", text)
	}
	sub := hub.Follow(topic.Options[string]{Keys: []string{"go", "rust"}})
	next := sub.Offsets()
	for m, err := range sub.All(ctx) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(m.Key, m.Value)
		next[m.Key] = m.Offset + 1
		if m.Key == "rust" {
			break // the connection broke
		}
	}
	sub.Close()

	sub = hub.Follow(topic.Options[string]{Keys: []string{"go", "rust"}, Offsets: next})
	defer sub.Close()
	hub.Close()
	for m, err := range sub.All(ctx) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println("resumed:", m.Key, m.Value)
	}
	// Output:
	// go one
	// go two
	// go three
	// rust one
	// resumed: rust two
	// resumed: rust three
}

// A gap says which topic it is of, and there which values are missing.
func ExampleError() {
	ctx := context.Background()
	hub := topic.New(func(string) sluice.Log[int] { return ring.New[int](4, ring.Options{}) })
	cur := hub.Subscribe(sluice.Oldest(), "busy", "quiet")
	defer cur.Close()
	for i := range 10 {
		hub.Publish(ctx, "busy", i)
	}
	_, err := cur.Next(ctx)
	var of *topic.Error[string]
	if errors.As(err, &of) {
		fmt.Println(of.Key)
		fmt.Println(of.Err)
	}
	m, err := cur.Next(ctx)
	fmt.Println(m.Key, m.Offset, err)
	// Output:
	// busy
	// sluice: missed 4 values: offsets 0 to 3 were dropped before they were read
	// busy 4 <nil>
}
