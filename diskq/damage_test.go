package diskq_test

import (
	"flag"
	"fmt"
	"strings"
	"testing"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/diskq"
	"github.com/sluice-go/sluice/internal/fsx"
)

var exhaustive = flag.Bool("exhaustive", false, "every bit and every byte, 10000 power cuts, instead of a sample")

// An image is the files of a queue of 100 values, and where everything is in them.
type image struct {
	name   string
	files  map[string][]byte
	pieces map[string][]diskq.Piece
	next   map[string]sluice.Offset // of each file, where the next one begins
	last   string
	closed bool
}

const records = 100

// images are queues that were closed, or killed with everything written, of one segment and of several.
func images(t *testing.T) []image {
	var all []image
	for _, o := range []diskq.Options{{SyncEvery: -1}, {SyncEvery: -1, SegmentBytes: 4096}} {
		for _, closed := range []bool{true, false} {
			m := newMem()
			q := open(t, m, o)
			vs := values(records)
			add(t, q, vs[:40]...)
			if _, err := q.AppendAll(t.Context(), vs[40:60]); err != nil {
				t.Fatal(err)
			}
			add(t, q, vs[60:]...)
			name := fmt.Sprintf("%d bytes, killed", o.SegmentBytes)
			if closed {
				name = fmt.Sprintf("%d bytes, closed", o.SegmentBytes)
				must(t, q.Close())
			}
			all = append(all, takeImage(t, m.Kill(), name, closed))
		}
	}
	return all
}

func takeImage(t *testing.T, m *fsx.Mem, name string, closed bool) image {
	img := image{name: name, files: map[string][]byte{}, pieces: map[string][]diskq.Piece{}, next: map[string]sluice.Offset{}, closed: closed}
	report, err := diskq.InspectOn(m, dir)
	must(t, err)
	for _, s := range report.Segments {
		data, err := fsx.ReadFile(m, s.Name)
		must(t, err)
		img.files[s.Name] = data
		img.next[s.Name] = s.Next
		img.last = s.Name
		img.pieces[s.Name], err = diskq.Pieces(m, dir, s.First)
		must(t, err)
	}
	return img
}

// mem returns a file system with the image on it, but that file replaced.
func (img image) mem(name string, data []byte) *fsx.Mem {
	m := newMem()
	m.MkdirAll(dir, 0o700)
	for n, d := range img.files {
		if n == name {
			d = data
		}
		fsx.WriteFile(m, n, d)
	}
	return m
}

// at returns the piece that a byte belongs to, or none for the header and the trailer.
func (img image) at(name string, pos int64) (diskq.Piece, bool) {
	for _, p := range img.pieces[name] {
		if p.Pos <= pos && pos < p.End {
			return p, true
		}
	}
	return diskq.Piece{}, false
}

// expectation is what is left of the 100 values: all below next but the lost ones; those in gaps are told.
type expectation struct {
	lost [2]sluice.Offset // [from, to)
	gap  bool
	next sluice.Offset
}

// check opens a queue and compares what is there; then that it can be appended to, and that all that lasts.
func (want expectation) check(m *fsx.Mem) error {
	for round := range 2 {
		q, err := diskq.Open(dir, diskq.String(), diskq.On(diskq.Options{SyncEvery: -1}, m))
		if err != nil {
			return fmt.Errorf("Open() = %w, want nil", err)
		}
		err = want.compare(q, round)
		if round == 0 && err == nil {
			var off sluice.Offset
			if off, err = q.Append(ctxBackground, "later"); err == nil && off != want.next {
				err = fmt.Errorf("Append() = %d, want %d", off, want.next)
			}
		}
		if err := joined(err, q.Close()); err != nil {
			return fmt.Errorf("round %d: %w", round, err)
		}
	}
	return nil
}

func (want expectation) compare(q *diskq.DiskQueue[string], round int) error {
	r, err := readAll(q)
	if err != nil {
		return err
	}
	if r.next != want.next+sluice.Offset(round) {
		return fmt.Errorf("the end is %d, want %d", r.next, want.next+sluice.Offset(round))
	}
	for off := range want.next {
		v, ok := r.values[off]
		isLost := want.lost[0] <= off && off < want.lost[1]
		switch {
		case ok && v != value(int(off)):
			return fmt.Errorf("value %d = %q, want %q", off, v, value(int(off)))
		case ok == isLost:
			return fmt.Errorf("value %d is there: %v, want %v", off, ok, !isLost)
		}
	}
	if round == 1 && r.values[want.next] != "later" {
		return fmt.Errorf("the value appended afterwards = %q", r.values[want.next])
	}
	if want.gap != (len(r.gaps) == 1) || len(r.gaps) > 1 {
		return fmt.Errorf("gaps %v, want one: %v", r.gaps, want.gap)
	}
	for _, g := range r.gaps {
		if g.From != want.lost[0] || g.To != want.lost[1] || !strings.Contains(g.Error(), ".seg") {
			return fmt.Errorf("the gap is %v, want [%d, %d) with the file", g, want.lost[0], want.lost[1])
		}
	}
	return nil
}

// A queue cut at any byte loses what was cut, and nothing else.
func TestEveryByteCut(t *testing.T) {
	step := 7
	if *exhaustive {
		step = 1
	}
	for _, img := range images(t) {
		for name, data := range img.files {
			for cut := 0; cut < len(data); cut += step {
				if err := img.expectCut(name, int64(cut)).check(img.mem(name, data[:cut])); err != nil {
					t.Fatalf("%s: %s cut at byte %d of %d: %v", img.name, name, cut, len(data), err)
				}
			}
		}
	}
}

func (img image) expectCut(name string, cut int64) expectation {
	want := expectation{next: records}
	kept := img.next[name]
	for _, p := range img.pieces[name] {
		if p.Record && p.End > cut {
			kept = p.Offset
			break
		}
	}
	if name != img.last { // others follow, that say it was synced, or were not lost: a gap
		want.lost = [2]sluice.Offset{kept, img.next[name]}
		want.gap = kept < img.next[name]
		return want
	}
	if first := img.pieces[name][0].Offset; kept > 40 && kept < 60 && first <= 40 {
		kept = 40 // the batch is there as a whole or not at all
	} else if kept > 40 && kept < 60 {
		kept = max(40, first)
	}
	want.next = kept
	return want
}

// A flipped bit costs at most the value that it is in, wherever it is.
func TestEveryBitFlipped(t *testing.T) {
	step := 37
	if *exhaustive {
		step = 1
	}
	for _, img := range images(t) {
		for name, data := range img.files {
			for bit := 0; bit < 8*len(data); bit += step {
				flipped := append([]byte(nil), data...)
				flipped[bit/8] ^= 1 << (bit % 8)
				if err := img.expectFlip(name, int64(bit/8)).check(img.mem(name, flipped)); err != nil {
					t.Fatalf("%s: %s with bit %d of byte %d flipped: %v", img.name, name, bit%8, bit/8, err)
				}
			}
		}
	}
}

func (img image) expectFlip(name string, pos int64) expectation {
	p, ok := img.at(name, pos)
	switch {
	case !ok || !p.Record:
		return expectation{next: records}
	case p.Offset == records-1 && !img.closed: // a torn end looks the same
		return expectation{next: records - 1}
	}
	return expectation{lost: [2]sluice.Offset{p.Offset, p.Offset + 1}, gap: true, next: records}
}
