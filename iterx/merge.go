package iterx

import (
	"cmp"
	"iter"
)

// Merge yields the values of sorted sequences in order; see [MergeFunc].
func Merge[T cmp.Ordered](seqs ...iter.Seq[T]) iter.Seq[T] {
	return MergeFunc(cmp.Compare[T], seqs...)
}

// MergeFunc yields the values of sequences that are each sorted by compare, in that order; of equal values those of an
// earlier sequence come first. If a sequence is not sorted the result is not, but nothing is lost.
//
// It knows which value is least only when every sequence that has not ended has shown its next one, so it holds back one
// of each while another waits, and a loop that is left early loses those. To merge live sources as values come, use chanx.Merge.
// Sequences are read with iter.Pull: a value costs about 80 ns, and a comparison for each doubling of the sequences.
func MergeFunc[T any](compare func(T, T) int, seqs ...iter.Seq[T]) iter.Seq[T] {
	return func(yield func(T) bool) {
		m := merger[T]{compare: compare}
		for i, seq := range seqs {
			next, stop := iter.Pull(seq)
			defer stop()
			if v, ok := next(); ok {
				m.heads = append(m.heads, head[T]{v, i, next})
			}
		}
		for i := len(m.heads)/2 - 1; i >= 0; i-- {
			m.down(i)
		}
		for len(m.heads) > 0 {
			if !yield(m.heads[0].v) {
				return
			}
			m.advance()
		}
	}
}

// A merger is a heap of the sequences that have not ended, by their next values: heads[i] is not after heads[2i+1] and
// heads[2i+2].
type merger[T any] struct {
	compare func(T, T) int
	heads   []head[T]
}

type head[T any] struct {
	v    T
	seq  int // the number of the sequence
	next func() (T, bool)
}

// advance replaces the least value by the next of its sequence.
func (m *merger[T]) advance() {
	v, ok := m.heads[0].next()
	if ok {
		m.heads[0].v = v
	} else {
		last := len(m.heads) - 1
		m.heads[0] = m.heads[last]
		m.heads[last] = head[T]{}
		m.heads = m.heads[:last]
	}
	m.down(0)
}

func (m *merger[T]) down(i int) {
	for {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(m.heads); child++ {
			if m.before(child, least) {
				least = child
			}
		}
		if least == i {
			return
		}
		m.heads[i], m.heads[least] = m.heads[least], m.heads[i]
		i = least
	}
}

func (m *merger[T]) before(i, j int) bool {
	a, b := &m.heads[i], &m.heads[j]
	if c := m.compare(a.v, b.v); c != 0 {
		return c < 0
	}
	return a.seq < b.seq
}
