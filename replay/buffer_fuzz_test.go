package replay_test

import (
	"bytes"
	"testing"

	"github.com/sluice-go/sluice/internal/fsx"
	"github.com/sluice-go/sluice/replay"
)

// Any sequence of writes, each of the next bytes of data, is read back: through Read in steps, ReadAt and WriteTo.
func FuzzBuffer(f *testing.F) {
	f.Add([]byte("some bytes, written in pieces of some sizes"), uint16(3), uint16(5), uint16(7))
	f.Add(content(3000), uint16(0), uint16(1000), uint16(100))
	f.Add(content(500), uint16(64), uint16(64), uint16(1))
	f.Fuzz(func(t *testing.T, data []byte, spill, piece, step uint16) {
		b := replay.SmallBlocks(replay.NewBufferOn(fsx.NewMem(fsx.MemOptions{}), replay.BufferOptions{SpillBytes: int64(spill), Dir: "/"}))
		r := b.NewReader()
		defer r.Close()
		p := make([]byte, int(step)+1)
		read := 0
		for rest := data; len(rest) > 0; {
			n := min(len(rest), int(piece)+1)
			write(t, b, rest[:n])
			rest = rest[n:]
			k, err := r.Read(p)
			if k == 0 || err != nil || !bytes.Equal(p[:k], data[read:read+k]) {
				t.Fatalf("Read() at %d = %d, %v", read, k, err)
			}
			if read += k; read+len(p) <= len(data)-len(rest) {
				if k, err := r.ReadAt(p, int64(read)); k != len(p) || err != nil || !bytes.Equal(p, data[read:read+k]) {
					t.Fatalf("ReadAt() at %d = %d, %v", read, k, err)
				}
			}
		}
		b.Close()
		wantAll(t, r, data, nil)
	})
}
