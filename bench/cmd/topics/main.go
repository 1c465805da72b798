// Topics prints what a hub of many topics and subscriptions takes, and what publishing to it costs.
//
//	go run ./cmd/topics                                     # 100 000 topics, 10 000 subscriptions of 10 of them each
//	go run ./cmd/topics -topics 1000 -subscriptions 100
//
// Each subscription has a goroutine that waits for its next message, and follows one topic more that is common to all.
package main

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/sluice-go/sluice/bench/ratio"
	"github.com/sluice-go/sluice/bench/topics"
)

func main() {
	count := flag.Int("topics", 100_000, "how many topics")
	subscriptions := flag.Int("subscriptions", 10_000, "how many subscriptions")
	follows := flag.Int("follows", 10, "how many topics each subscription follows")
	rounds := flag.Int("rounds", 5, "how often each is measured; the median is printed")
	flag.Parse()
	if *count < 1 || *subscriptions < 1 || *follows < 0 || *follows > *count || *rounds < 1 {
		fmt.Fprintln(os.Stderr, "topics: topics, subscriptions and rounds must be at least 1, follows from 0 to topics")
		os.Exit(2)
	}
	measure(*count, *subscriptions, *follows, *rounds)
}

func measure(count, subscriptions, follows, rounds int) {
	fmt.Printf("%s\n%d topics that keep %d values each, %d subscriptions of %d topics each\n\n",
		ratio.Machine(), count, topics.Kept, subscriptions, follows+1)
	c := topics.NewCrowd(count, subscriptions, follows)
	defer c.Close()
	fmt.Printf("memory    %7.0f B a topic, %7.0f B a subscription, its goroutine included\n", c.TopicBytes, c.SubscriptionBytes)

	var quiet, followed, call, last []time.Duration
	for range rounds {
		c.Settle()
		quiet = append(quiet, c.PublishAgain(1_000_000))
		followed = append(followed, c.Publish(min(count, 50_000)))
		c.Settle()
		a, b := c.PublishCommon()
		call, last = append(call, a), append(last, b)
	}
	fmt.Printf("publish   %v to one topic again and again\n", median(quiet))
	fmt.Printf("          %v to another topic each time\n", median(followed))
	fmt.Printf("          %v to the topic that all subscriptions wait for; the last of them has the value after %v\n", median(call), median(last))
}

func median(ds []time.Duration) time.Duration {
	slices.Sort(ds)
	return ds[len(ds)/2]
}
