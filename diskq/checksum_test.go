package diskq_test

import (
	"testing"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/diskq"
	"github.com/sluice-go/sluice/internal/fsx"
)

// closedFile returns the only segment of a queue of three values that was closed, with its file system, and where the frame
// of its footer begins.
func closedFile(t *testing.T) (data []byte, m *fsx.Mem, footer int64) {
	m = newMem()
	q := open(t, m, diskq.Options{})
	add(t, q, values(3)...)
	must(t, q.Close())
	data, err := fsx.ReadFile(m, firstSegment)
	must(t, err)
	pieces, err := diskq.Pieces(m, dir, 0)
	must(t, err)
	return data, m, pieces[len(pieces)-1].Pos
}

// eachFlip puts the file there with each bit from that byte on flipped, and checks that no value is lost by it.
func eachFlip(t *testing.T, data []byte, m *fsx.Mem, from, to int64, check func(t *testing.T, bit int64, recovery diskq.Recovery, s diskq.SegmentReport)) {
	for bit := 8 * from; bit < 8*to; bit++ {
		data[bit/8] ^= 1 << (bit % 8)
		must(t, fsx.WriteFile(m, firstSegment, data))
		data[bit/8] ^= 1 << (bit % 8)
		report, err := diskq.InspectOn(m, dir)
		must(t, err)
		q, err := diskq.Open(dir, diskq.String(), diskq.On(diskq.Options{}, m))
		must(t, err)
		r, err := readAll(q)
		must(t, err)
		if len(r.values) != 3 || len(r.gaps) > 0 {
			t.Fatalf("bit %d of byte %d flipped: %q and gaps %v, want three values and none", bit%8, bit/8, r.values, r.gaps)
		}
		check(t, bit, q.Stats().Recovery, report.Segments[0])
		must(t, q.Close())
		entries, err := m.ReadDir(dir)
		must(t, err)
		for _, e := range entries { // what a recovery made
			must(t, m.Remove(dir+"/"+e.Name()))
		}
	}
}

// Nothing of a header is believed when one bit of it is wrong.
func TestHeaderChecksum(t *testing.T) {
	data, m, _ := closedFile(t)
	eachFlip(t, data, m, 0, 128, func(t *testing.T, bit int64, _ diskq.Recovery, s diskq.SegmentReport) {
		if !s.Created.IsZero() || s.Codec != "" {
			t.Errorf("bit %d of byte %d flipped: %+v, want no time and no codec", bit%8, bit/8, s)
		}
	})
	must(t, fsx.WriteFile(m, firstSegment, data))
	if r, err := diskq.InspectOn(m, dir); err != nil || r.Segments[0].Created.IsZero() || r.Segments[0].Codec != "string" {
		t.Errorf("Inspect() = %+v, %v, want a time and a codec", r, err)
	}
}

// Neither a footer nor the trailer behind it is believed when one bit of it is wrong: the queue does not count as closed
// then.
func TestFooterChecksums(t *testing.T) {
	data, m, footer := closedFile(t)
	eachFlip(t, data, m, footer, int64(len(data)), func(t *testing.T, bit int64, r diskq.Recovery, _ diskq.SegmentReport) {
		if r.Clean {
			t.Errorf("bit %d of byte %d flipped, of a footer from %d on: the queue was found closed", bit%8, bit/8, footer)
		}
	})
	must(t, fsx.WriteFile(m, firstSegment, data))
	if q := open(t, m, diskq.Options{}); !q.Stats().Recovery.Clean {
		t.Error("the queue was not found closed, though nothing is wrong")
	}
}

// A footer is that of its segment: another one's, with the right checksums, is not believed.
func TestFooterOfAnotherSegment(t *testing.T) {
	data, m, footer := closedFile(t)
	other, _, at := closedFile(t)
	if at != footer || string(other[footer:]) == string(data[footer:]) {
		t.Fatal("two queues of the same values have different sizes, or the same footer")
	}
	must(t, fsx.WriteFile(m, firstSegment, append(data[:footer:footer], other[footer:]...)))
	q := open(t, m, diskq.Options{})
	r, err := readAll(q)
	must(t, err)
	if q.Stats().Recovery.Clean || r.next != 3 || len(r.gaps) > 0 || r.values[sluice.Offset(2)] != value(2) {
		t.Errorf("Recovery = %+v, and %q, want one that looked, and three values", q.Stats().Recovery, r.values)
	}
}
