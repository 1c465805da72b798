package diskq_test

import (
	"encoding/binary"
	"errors"
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
