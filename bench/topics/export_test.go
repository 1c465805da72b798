package topics

// Saw returns the tally of a reader that got these values.
func Saw(numbers ...int64) (t Tally) {
	for _, n := range numbers {
		see(&t, n)
	}
	return t
}
