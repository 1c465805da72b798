package diskq_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/diskq"
	"github.com/sluice-go/sluice/internal/fsx"
)

// flipAt flips a bit of a file that may be open.
func flipAt(t *testing.T, m *fsx.Mem, name string, pos int64) {
	t.Helper()
	f, err := m.OpenFile(name, os.O_RDWR, 0)
	must(t, err)
	b := []byte{0}
	_, err = f.ReadAt(b, pos)
	must(t, err)
	b[0] ^= 4
	_, err = f.WriteAt(b, pos)
	must(t, err)
	must(t, f.Close())
}

// frames is a value that looks like records of that index, one behind the other.
func frames(index, n int) string {
	f := make([]byte, 20)
	binary.LittleEndian.PutUint32(f, 9<<2)
	binary.LittleEndian.PutUint32(f[4:], uint32(index))
	copy(f[12:], "not told")
	return strings.Repeat(string(f), n)
}

// A value begins in a piece that is written, and ends in memory. If the piece is damaged, what lies in memory is looked through for
// the next frame as ever: what is only like one, inside of the value, does not count.
func TestDamageBeforeWhatIsInMemory(t *testing.T) {
	for _, durability := range []diskq.Durability{diskq.Written, diskq.Buffered} {
		for _, at := range []int64{0, 5, 9, 30} { // a word, an index, a checksum, the value
			synctest.Test(t, func(t *testing.T) {
				m := mapping()
				q, err := diskq.Open(dir, diskq.Bytes(), diskq.On(diskq.Options{Durability: durability, SyncEvery: -1}, m))
				must(t, err)
				defer q.Close()
				hit := 0
				one := func(v string) {
					_, err := q.Append(t.Context(), []byte(v))
					must(t, err)
				}
				for ; hit == 0 || piece-diskq.End(q) > 2000; hit++ {
					one(value(hit) + strings.Repeat("y", 500))
				}
				pos := diskq.End(q)
				one(frames(hit, 250))
				must(t, diskq.Turn(q))
				one(value(hit + 1))
				flipAt(t, m, firstSegment, pos+at)
				c := q.Cursor(sluice.Oldest())
				defer c.Close()
				for i := range hit + 2 {
					v, ok, err := c.TryNext()
					gap := (*sluice.CorruptError)(nil)
					switch isGap := errors.As(err, &gap); {
					case i == hit && (!isGap || gap.From != sluice.Offset(hit) || gap.To != gap.From+1):
						t.Fatalf("%v, byte %d: the damaged value %d is %.20q, %v", durability, at, i, v, err)
					case i != hit && (!ok || err != nil || !strings.HasPrefix(string(v), value(i))):
						t.Fatalf("%v, byte %d: value %d is %.20q, %v, %v", durability, at, i, v, ok, err)
					}
				}
			})
		}
	}
}

// A gap is told with the place where it is, whatever was damaged before and cost no value.
func TestGapBehindADamagedSyncPoint(t *testing.T) {
	for _, codec := range []diskq.Codec[[]byte]{diskq.Bytes(), diskq.LentBytes(), notDirect{diskq.Bytes()}} {
		m := newMem()
		q := open(t, m, diskq.Options{SyncEvery: -1})
		add(t, q, values(2)...)
		must(t, q.Sync(t.Context()))
		add(t, q, values(2)...) // behind a sync point
		must(t, diskq.Roll(q))
		add(t, q, value(4))
		pieces, err := diskq.Pieces(m, dir, 0)
		must(t, err)
		data, err := fsx.ReadFile(m, firstSegment)
		must(t, err)
		end := int64(0)
		for _, p := range pieces {
			switch {
			case p.Offset == 2 && p.Record:
				end = p.End
			case p.Offset == 2:
				data[p.Pos+20] ^= 1
			}
		}
		other := newMem()
		must(t, other.MkdirAll(dir, 0o700))
		must(t, fsx.WriteFile(other, firstSegment, data[:end])) // without the last value
		must(t, fsx.WriteFile(other, dir+"/00000000000000000004.seg", nil))
		r, err := diskq.OpenReader(dir, codec, diskq.FollowOn(diskq.ReaderOptions{}, other))
		must(t, err)
		c := r.Cursor(sluice.Oldest())
		for i := range 3 {
			if v, ok, err := c.TryNext(); string(v) != value(i%2) || !ok || err != nil {
				t.Fatalf("value %d is %q, %v, %v", i, v, ok, err)
			}
		}
		gap, want := (*sluice.CorruptError)(nil), fmt.Sprintf("byte %d: the values are missing", end)
		if _, _, err := c.TryNext(); !errors.As(err, &gap) || gap.From != 3 || gap.To != 4 || !strings.Contains(err.Error(), want) {
			t.Errorf("TryNext() = %v, want that value 3 is missing, %s", err, want)
		}
		must(t, r.Close())
		must(t, q.Close())
	}
}

// A notDirect codec has each value decoded.
type notDirect struct{ diskq.Codec[[]byte] }

func (notDirect) Name() string { return "" }
