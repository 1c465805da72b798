package topics_test

import (
	"testing"

	"github.com/sluice-go/sluice/bench/topics"
)

func TestRivalsDeliverEverythingInOrder(t *testing.T) {
	for _, r := range topics.Rivals() {
		for _, n := range []int{0, 1, 5, 64, 1025, 5000} {
			for _, readers := range []int{1, 3} {
				if _, err := topics.TimeFanOut(r, n, readers); err != nil {
					t.Errorf("%s, %d values, %d readers: %v", r.Name, n, readers, err)
				}
			}
		}
	}
}

func TestCrowdHearsOfEveryValue(t *testing.T) {
	c := topics.NewCrowd(20, 30, 3)
	defer c.Close()
	if c.TopicBytes <= 0 || c.SubscriptionBytes <= 0 {
		t.Errorf("a topic takes %v bytes and a subscription %v, want more than 0", c.TopicBytes, c.SubscriptionBytes)
	}
	for range 3 {
		if c.PublishAgain(100) <= 0 || c.Publish(100) <= 0 {
			t.Error("publishing took no time")
		}
		if call, last := c.PublishCommon(); call <= 0 || last <= 0 { // it returns when all have the value
			t.Errorf("PublishCommon() = %v, %v, want more than 0", call, last)
		}
	}
}

// A check that can't fail would make every rival look right.
func TestCheckFindsFaults(t *testing.T) {
	for _, seen := range [][]int64{{}, {0, 1, 2, 3, 5}, {0, 1, 2, 3, 8}, {4, 0, 1, 2, 3}, {0, 1, 2, 3, 4, 4}, {0, 0, 1, 2, 3}} {
		if err := topics.Saw(seen...).Check(5); err == nil {
			t.Errorf("Check(5) of %v = nil, want an error", seen)
		}
	}
	if err := topics.SawFrom("topic.one").Check(1); err == nil {
		t.Error("Check of the value 0 from topic.one = nil, want an error")
	}
	if err := topics.SawFrom("topic.zero").Check(1); err != nil {
		t.Errorf("Check of the value 0 from topic.zero = %v, want nil", err)
	}
	for _, seen := range [][]int64{{0, 1, 2, 3, 4}, {3, 2, 1, 0, 4}, {0, 4, 1, 2, 3}} { // topics have no order among them
		if err := topics.Saw(seen...).Check(5); err != nil {
			t.Errorf("Check(5) of %v = %v, want nil", seen, err)
		}
	}
}
