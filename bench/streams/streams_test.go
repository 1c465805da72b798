package streams_test

import (
	"slices"
	"testing"

	"github.com/sluice-go/sluice/bench/streams"
)

// Every rival delivers every byte, live and to readers that were not fast enough, in small and large writes.
func TestRivalsDeliverEveryByte(t *testing.T) {
	for _, r := range slices.Concat(streams.InMemory(), streams.OnFile()) {
		for _, run := range []streams.Run{
			{Writes: 0, Size: 100, Readers: 1},
			{Writes: 1, Size: 1, Readers: 2},
			{Writes: 20_000, Size: 100, Readers: 3},
			{Writes: 100, Size: 32 << 10, Readers: 3},
		} {
			run.Full, run.Lent = true, r.Lent
			s, err := r.New(t.TempDir())
			if err != nil {
				t.Fatalf("%s: %v", r.Name, err)
			}
			if _, err := run.Live(s); err != nil {
				t.Errorf("%s, %d writes of %d bytes: %v", r.Name, run.Writes, run.Size, err)
			}
			if err := s.Free(); err != nil {
				t.Errorf("%s: Free() = %v, want nil", r.Name, err)
			}
		}
	}
}

// A check that can't fail would make every rival look right.
func TestCheckFindsFaults(t *testing.T) {
	const size = 1000
	right := [][]byte{streams.At(0, size), streams.At(size, size), streams.At(2*size, size)}
	for name, test := range map[string]struct {
		pieces [][]byte
		ok     bool
	}{
		"right":         {right, true},
		"one missing":   {right[:2], false},
		"one twice":     {append(right[:2:2], right[1], right[2]), false},
		"wrong order":   {[][]byte{right[1], right[0], right[2]}, false},
		"one for other": {[][]byte{right[0], right[1], right[1]}, false},
	} {
		for _, full := range []bool{false, true} {
			tally := streams.Tally{Full: full}
			for _, p := range test.pieces {
				tally.Write(p)
			}
			if err := tally.Check(3 * size); (err == nil) != test.ok {
				t.Errorf("%s, full %t: Check() = %v", name, full, err)
			}
		}
	}
	tally := streams.Tally{Full: true}
	p := slices.Clone(right[0])
	p[500]++
	tally.Write(p)
	if tally.Check(size) == nil {
		t.Error("Check() = nil, though a byte is wrong")
	}
}

func TestWorstIsMeasured(t *testing.T) {
	run := streams.Run{Writes: 1000, Size: 100, Readers: 2}
	for _, r := range streams.InMemory() {
		s, err := r.New("")
		if err != nil {
			t.Fatal(err)
		}
		worst, total, err := run.Worst(s)
		if worst <= 0 || worst > total || err != nil {
			t.Errorf("%s: Worst() = %v, %v, %v", r.Name, worst, total, err)
		}
	}
}
