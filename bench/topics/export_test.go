package topics

// Saw returns the tally of a reader that got these values.
func Saw(numbers ...int64) (t Tally) {
	for _, n := range numbers {
		see(&t, n)
	}
	return t
}

// SawFrom returns the tally of a reader that got the value 0, and was told that it came from that topic.
func SawFrom(topic string) (t Tally) {
	seeNamed(&t, topic, 0)
	return t
}
