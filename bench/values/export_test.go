package values

// Saw returns the tally of a reader that got these values.
func Saw(numbers ...int) (t Tally) {
	for i, n := range numbers {
		if v := numbered[Word](n); i%2 == 0 {
			see(&t, v)
		} else {
			seeAll(&t, []Word{v})
		}
	}
	return t
}

func (t Tally) Count() int64 { return t.count }
