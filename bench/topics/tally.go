package topics

import "fmt"

// Count is how many topics there are. The value numbered n goes to topic n % Count.
const Count = 4

// names are the topics.
var names = [Count]string{"topic.zero", "topic.one", "topic.two", "topic.three"}

// Tally is what a reader has seen.
type Tally struct {
	next  [Count]int64 // how many values of each topic
	wrong int64        // not 0 if a value was not the next of its topic: lost, doubled or out of order
}

// see is small enough to be inlined.
func see(t *Tally, v int64) {
	k := v & (Count - 1)
	t.wrong |= v ^ (t.next[k]*Count + k)
	t.next[k]++
}

// Check returns an error unless t saw the values numbered 0 to n-1, each once, in the order of its topic.
func (t Tally) Check(n int) error {
	for k, got := range t.next {
		if want := (int64(n-k) + Count - 1) / Count; got != want || t.wrong != 0 {
			return fmt.Errorf("received %d values of topic %d, in order: %t, want %d in order", got, k, t.wrong == 0, want)
		}
	}
	return nil
}

// seeNamed is see for a reader that is told the topic.
func seeNamed(t *Tally, topic string, v int64) {
	if topic != names[v&(Count-1)] {
		t.wrong = -1
	}
	see(t, v)
}
