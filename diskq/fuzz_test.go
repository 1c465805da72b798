package diskq_test

import (
	"bytes"
	"testing"

	"github.com/sluice-go/sluice/diskq"
	"github.com/sluice-go/sluice/internal/fsx"
)

// FuzzSegment opens, inspects, reads and appends to a queue whose only segment holds anything.
func FuzzSegment(f *testing.F) {
	m := newMem()
	q, err := diskq.Open(dir, diskq.String(), diskq.On(diskq.Options{}, m))
	if err != nil {
		f.Fatal(err)
	}
	for _, v := range values(10) {
		if _, err := q.Append(ctxBackground, v); err != nil {
			f.Fatal(err)
		}
	}
	q.AppendAll(ctxBackground, values(5))
	killed, err := fsx.ReadFile(m, dir+"/00000000000000000000.seg")
	if err != nil {
		f.Fatal(err)
	}
	q.Close()
	closed, err := fsx.ReadFile(m, dir+"/00000000000000000000.seg")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(closed)
	f.Add(killed)
	f.Add([]byte{})
	f.Add(bytes.Repeat([]byte{0}, 500))
	f.Add(append(bytes.Clone(killed), closed...))
	f.Add(append(bytes.Clone(closed), killed...))
	f.Fuzz(func(t *testing.T, data []byte) {
		m := newMem()
		must(t, m.MkdirAll(dir, 0o700))
		must(t, fsx.WriteFile(m, dir+"/00000000000000000000.seg", data))
		if _, err := diskq.InspectOn(m, dir); err != nil {
			return // of another version
		}
		q, err := diskq.Open(dir, diskq.String(), diskq.On(diskq.Options{SyncEvery: -1}, m))
		if err != nil {
			t.Fatalf("Open() = %v", err)
		}
		before, err := readAll(q)
		must(t, err)
		off, err := q.Append(ctxBackground, "later")
		if err != nil || off != before.next {
			t.Fatalf("Append() = %d, %v, want %d, nil", off, err, before.next)
		}
		must(t, q.Close())
		q = open(t, m, diskq.Options{SyncEvery: -1})
		after, err := readAll(q)
		must(t, err)
		if len(after.values) != len(before.values)+1 || after.values[before.next] != "later" {
			t.Fatalf("%d values after another append, %d before", len(after.values), len(before.values))
		}
		for off, v := range before.values {
			if after.values[off] != v {
				t.Fatalf("value %d = %q, and %q before", off, after.values[off], v)
			}
		}
	})
}

// FuzzFrame decodes anything as a frame: what comes out of it must be what went in.
func FuzzFrame(f *testing.F) {
	f.Add([]byte("some payload"), uint64(7), int64(128), uint32(3), byte(0))
	f.Add([]byte{}, uint64(0), int64(0), uint32(0), byte(2))
	f.Fuzz(func(t *testing.T, b []byte, id uint64, pos int64, index uint32, kind byte) {
		if payload, n, ok := diskq.DecodeFrame(b, id, pos); ok && (n > len(b) || len(payload) > n) {
			t.Fatalf("a frame of %d bytes with %d of payload in %d bytes", n, len(payload), len(b))
		}
		frame := diskq.EncodeFrame(b, id, pos, index, kind)
		payload, n, ok := diskq.DecodeFrame(append(bytes.Clone(frame), b...), id, pos)
		if !ok || n != len(frame) || !bytes.Equal(payload, b) {
			t.Fatalf("DecodeFrame(EncodeFrame(%q)) = %q, %d, %v", b, payload, n, ok)
		}
		if _, _, ok := diskq.DecodeFrame(frame, id, pos+1); ok {
			t.Fatal("a frame is valid at another place")
		}
		if _, _, ok := diskq.DecodeFrame(frame, id+1<<40, pos); ok {
			t.Fatal("a frame is valid in another segment")
		}
		if _, _, ok := diskq.DecodeFrame(frame[:len(frame)-1], id, pos); ok {
			t.Fatal("half a frame is valid")
		}
	})
}

// FuzzFooter decodes anything as a footer.
func FuzzFooter(f *testing.F) {
	f.Add(diskq.EncodeFooter(3))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		places, ok := diskq.DecodeFooter(b)
		if ok && places > len(b) {
			t.Fatalf("%d places in %d bytes", places, len(b))
		}
	})
}
