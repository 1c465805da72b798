package streams

import (
	"bytes"
	"fmt"
)

// period is a prime, so that a piece that is missing or in a wrong place shows, whatever its size.
const period = 8191

// pattern repeats with the period, in more bytes than one write has.
var pattern = func() []byte {
	data := make([]byte, 8*period+maxWrite)
	for i := range data {
		x := uint32(i%period) * 2654435761
		data[i] = byte(x >> 24)
	}
	return data
}()

const maxWrite = 64 << 10

// at returns the n bytes of the stream at off.
func at(off int64, n int) []byte { return pattern[off%period:][:n] }

// Tally is what a reader has seen.
type Tally struct {
	Full bool // compare every byte, not the ends of each piece only

	count int64
	wrong bool
}

// see notes a piece, of at most maxWrite.
func (t *Tally) see(p []byte) {
	const look = 16
	want := at(t.count, len(p))
	if n := len(p); t.Full || n <= 2*look {
		t.wrong = t.wrong || !bytes.Equal(p, want)
	} else {
		t.wrong = t.wrong || !bytes.Equal(p[:look], want[:look]) || !bytes.Equal(p[n-look:], want[n-look:])
	}
	t.count += int64(len(p))
}

// Write is see for readers that write, in pieces of any size.
func (t *Tally) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		n := min(len(rest), maxWrite)
		t.see(rest[:n])
		rest = rest[n:]
	}
	return len(p), nil
}

// Check returns an error unless t saw a stream of n bytes.
func (t *Tally) Check(n int64) error {
	if t.count != n || t.wrong {
		return fmt.Errorf("read %d bytes, right: %t, want %d", t.count, !t.wrong, n)
	}
	return nil
}
