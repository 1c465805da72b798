package diskq_test

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/sluice-go/sluice/diskq"
	"pgregory.net/rapid"
)

// Readers cut records off a window as DecodeFrame takes one after the other, whatever is damaged, missing or in the way.
func TestCutPlain(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		id := rapid.Uint64().Draw(rt, "id")
		pos := rapid.Int64Range(0, 1<<30).Draw(rt, "pos")
		first := rapid.SampledFrom([]uint32{0, 1, 1<<32 - 3}).Draw(rt, "first index")
		var b []byte
		index := first
		for range rapid.IntRange(0, 12).Draw(rt, "frames") {
			size := rapid.SampledFrom([]int{0, 1, 7, 7, 7, 100}).Draw(rt, "size")
			k := rapid.SampledFrom([]byte{0, 0, 0, 0, 1, 2, 3}).Draw(rt, "kind")
			index += rapid.SampledFrom([]uint32{0, 0, 0, 0, 0, 0, 0, 1, 1<<32 - 1}).Draw(rt, "skip")
			b = append(b, diskq.EncodeFrame(bytes.Repeat([]byte{byte(index)}, size), id, pos+int64(len(b)), index, k)...)
			index++
		}
		b = append(b, make([]byte, rapid.SampledFrom([]int{0, 0, 5, 40}).Draw(rt, "zeros"))...)
		if len(b) > 0 {
			b = b[:len(b)-rapid.SampledFrom([]int{0, 0, 0, 1}).Draw(rt, "cut off")]
		}
		if len(b) > 0 && rapid.Bool().Draw(rt, "damage") {
			b[rapid.IntRange(0, len(b)-1).Draw(rt, "at")] ^= 1 << rapid.IntRange(0, 7).Draw(rt, "bit")
		}
		trust := rapid.IntRange(-1, len(b)+1).Draw(rt, "trust")
		most := rapid.IntRange(0, 14).Draw(rt, "most")

		want, wantSize := onePlainAfterAnother(b, id, pos, first, trust, most)
		dst := make([][]byte, most)
		n, size := diskq.CutPlain(dst, b, id, pos, first, trust)
		if n != len(want) || size != wantSize {
			rt.Fatalf("CutPlain() = %d, %d, want %d, %d", n, size, len(want), wantSize)
		}
		for i, payload := range dst[:n] {
			if !bytes.Equal(payload, want[i]) || cap(payload) != len(payload) {
				rt.Fatalf("payload %d = %q with room for %d, want %q with none", i, payload, cap(payload), want[i])
			}
		}
	})
}

// onePlainAfterAnother is CutPlain in a simple way.
func onePlainAfterAnother(b []byte, id uint64, pos int64, index uint32, trust, most int) (payloads [][]byte, size int) {
	for len(payloads) < most {
		f := b[size:]
		if len(f) < 12 {
			break
		}
		word := binary.LittleEndian.Uint32(f)
		end := 12 + int64(word>>2) - 1
		payload, _, ok := diskq.DecodeFrame(f, id, pos+int64(size))
		if size >= trust && end >= 12 && end <= int64(len(f)) { // not verified
			payload, ok = f[12:end], true
		}
		if !ok || word&3 > 1 || binary.LittleEndian.Uint32(f[4:]) != index {
			break
		}
		payloads, size, index = append(payloads, payload), size+int(end), index+1
	}
	return payloads, size
}
