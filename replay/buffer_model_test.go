package replay_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"testing"
	"testing/iotest"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/internal/fsx"
	"github.com/sluice-go/sluice/replay"
	"pgregory.net/rapid"
)

// bufferModel is a buffer as a slice of bytes, and a reader of it as a number.
type bufferModel struct {
	b       *replay.Buffer
	max     int64 // MaxBytes
	data    []byte
	end     error // what readers get at the end; nil while it is open
	aborted bool
	removed bool
	readers []*modelReader
}

type modelReader struct {
	r        *replay.BufferReader
	snapshot bool
	off      int64
}

func (m *bufferModel) first() int64 {
	if m.max == 0 {
		return 0
	}
	return max(0, int64(len(m.data))-m.max)
}

// want returns what a read of up to n bytes at off gives: the bytes that may come, and the error if there are none. wait says
// that a follower would wait.
func (m *bufferModel) want(off int64, snapshot bool, n int) (data []byte, err error, wait bool) {
	switch end := int64(len(m.data)); {
	case m.aborted:
		return nil, m.end, false
	case n == 0:
		return nil, nil, false
	case off < m.first():
		return nil, &sluice.LagError{From: sluice.Offset(off), To: sluice.Offset(m.first())}, false
	case off < end:
		return m.data[off:min(end, off+int64(n))], nil, false
	case m.end != nil:
		return nil, m.end, false
	case snapshot:
		return nil, io.EOF, false
	}
	return nil, nil, true
}

func sameError(a, b error) bool {
	la, ok := a.(*sluice.LagError)
	lb, also := b.(*sluice.LagError)
	return a == b || ok && also && *la == *lb
}

// Random writes, reads, seeks and ends, against the model, for buffers that lie in memory, in a file, in both, with a limit and
// without.
func TestBufferModel(t *testing.T) {
	for name, o := range map[string]replay.BufferOptions{
		"memory":            {},
		"spilling":          {SpillBytes: 50},
		"retention":         {MaxBytes: 100},
		"retention, large":  {MaxBytes: 20_000},
		"ring file":         {SpillBytes: 10, MaxBytes: 1000},
		"ring file, larger": {SpillBytes: 500, MaxBytes: 5000},
		"never spills":      {SpillBytes: 1000, MaxBytes: 999},
		"file":              {Dir: "/file"},
	} {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) { runModel(t, o) })
		})
	}
}

func runModel(t *rapid.T, o replay.BufferOptions) {
	disk := fsx.NewMem(fsx.MemOptions{Windows: true}) // which refuses more
	m := &bufferModel{max: o.MaxBytes}
	if o.Dir != "" {
		b, err := replay.CreateBufferOn(disk, o.Dir)
		if err != nil {
			t.Fatal(err)
		}
		m.b = b
	} else {
		o.Dir = "/"
		m.b = replay.NewBufferOn(disk, o)
	}
	if rapid.Bool().Draw(t, "small blocks") {
		replay.SmallBlocks(m.b)
	}
	t.Repeat(map[string]func(*rapid.T){
		"":         m.check,
		"Write":    m.write,
		"ReadFrom": m.readFrom,
		"Open":     m.open,
		"Read":     m.read,
		"ReadAt":   m.readAt,
		"WriteTo":  m.writeTo,
		"Seek":     m.seek,
		"Close":    m.close,
		"Leave":    m.leave,
		"Remove":   m.remove,
	})
	m.b.Close()
	for _, r := range m.readers {
		if err := r.r.Close(); err != nil {
			t.Fatalf("Close() of a reader = %v, want nil", err)
		}
	}
	if err := m.b.Remove(); err != nil {
		t.Fatalf("Remove() = %v, want nil", err)
	}
	if disk.Open() != 0 || disk.Used() != 0 {
		t.Fatalf("%d files are open and %d bytes are used after Remove, want none", disk.Open(), disk.Used())
	}
}

// piece draws bytes that tell where they stand.
func (m *bufferModel) piece(t *rapid.T) []byte {
	n := rapid.OneOf(rapid.IntRange(0, 40), rapid.IntRange(0, 3000), rapid.IntRange(0, 100_000)).Draw(t, "n")
	return content(len(m.data) + n)[len(m.data):]
}

// took notes what was written.
func (m *bufferModel) took(t *rapid.T, p []byte, n int64, err error) {
	switch {
	case m.end == nil:
		if n != int64(len(p)) || err != nil {
			t.Fatalf("writing %d bytes = %v, %v, want all", len(p), n, err)
		}
		m.data = append(m.data, p...)
	case m.aborted && (n != 0 || err != m.end), !m.aborted && (n != 0 || err != sluice.ErrClosed):
		t.Fatalf("writing behind the end = %v, %v, want 0 and an error", n, err)
	}
}

func (m *bufferModel) write(t *rapid.T) {
	p := m.piece(t)
	var n int
	var err error
	if rapid.Bool().Draw(t, "string") {
		n, err = m.b.WriteString(string(p))
	} else {
		n, err = m.b.Write(p)
	}
	m.took(t, p, int64(n), err)
}

func (m *bufferModel) readFrom(t *rapid.T) {
	p := m.piece(t)
	src := []func(io.Reader) io.Reader{iotest.HalfReader, iotest.DataErrReader,
		func(r io.Reader) io.Reader { return r }}[rapid.IntRange(0, 2).Draw(t, "kind")]
	n, err := m.b.ReadFrom(src(bytes.NewReader(p)))
	m.took(t, p, n, err)
}

func (m *bufferModel) open(t *rapid.T) {
	if m.removed || len(m.readers) == 8 {
		t.Skip("enough")
	}
	r := &modelReader{snapshot: rapid.Bool().Draw(t, "snapshot")}
	if r.snapshot {
		r.r = m.b.NewSnapshotReader()
	} else {
		r.r = m.b.NewReader()
	}
	m.readers = append(m.readers, r)
}

// reader draws one of the readers.
func (m *bufferModel) reader(t *rapid.T) *modelReader {
	if len(m.readers) == 0 {
		t.Skip("no reader")
	}
	return rapid.SampledFrom(m.readers).Draw(t, "reader")
}

func (m *bufferModel) read(t *rapid.T) {
	r := m.reader(t)
	n := rapid.OneOf(rapid.IntRange(0, 10), rapid.IntRange(0, 100_000)).Draw(t, "n")
	want, wantErr, wait := m.want(r.off, r.snapshot, n)
	if wait {
		t.Skip("it would wait")
	}
	p := make([]byte, n)
	k, err := r.r.Read(p)
	if !sameError(err, wantErr) || !bytes.HasPrefix(want, p[:k]) || k == 0 && len(want) > 0 {
		t.Fatalf("Read(%d bytes) at %d = %v, %v, want up to %d, %v", n, r.off, k, err, len(want), wantErr)
	}
	r.off += int64(k)
	if lag, ok := err.(*sluice.LagError); ok {
		r.off = int64(lag.To)
	}
}

func (m *bufferModel) readAt(t *rapid.T) {
	r := m.reader(t)
	off := m.position(t, 0)
	n := rapid.OneOf(rapid.IntRange(0, 10), rapid.IntRange(0, 100_000)).Draw(t, "n")
	want, wantErr, wait := m.want(off, r.snapshot, n)
	if len(want) > 0 && len(want) < n { // and then?
		_, wantErr, wait = m.want(int64(len(m.data)), r.snapshot, 1)
	}
	if wait {
		t.Skip("it would wait")
	}
	p := make([]byte, n)
	k, err := r.r.ReadAt(p, off)
	if !sameError(err, wantErr) || !bytes.Equal(want, p[:k]) {
		t.Fatalf("ReadAt(%d bytes, %d) = %v, %v, want %d, %v", n, off, k, err, len(want), wantErr)
	}
}

func (m *bufferModel) writeTo(t *rapid.T) {
	r := m.reader(t)
	want, wantErr, _ := m.want(r.off, r.snapshot, len(m.data)+1)
	if len(want) > 0 || wantErr == nil {
		var wait bool
		if _, wantErr, wait = m.want(int64(len(m.data)), r.snapshot, 1); wait {
			t.Skip("it would wait")
		}
	}
	if wantErr == io.EOF {
		wantErr = nil
	}
	var w bytes.Buffer
	n, err := r.r.WriteTo(&w)
	if n != int64(len(want)) || !sameError(err, wantErr) || !bytes.Equal(w.Bytes(), want) {
		t.Fatalf("WriteTo() at %d = %v, %v, want %d, %v", r.off, n, err, len(want), wantErr)
	}
	r.off += n
	if lag, ok := err.(*sluice.LagError); ok {
		r.off = int64(lag.To)
	}
}

// position draws one of at least low: anywhere, or where things change.
func (m *bufferModel) position(t *rapid.T, low int64) int64 {
	first, end := m.first(), int64(len(m.data))
	return max(low, rapid.OneOf(rapid.Int64Range(low, end+10), rapid.Int64Range(first-2, first+2), rapid.Int64Range(first, end),
		rapid.Int64Range(end-100, end)).Draw(t, "position"))
}

func (m *bufferModel) seek(t *rapid.T) {
	r := m.reader(t)
	whence := rapid.IntRange(0, 2).Draw(t, "whence")
	base := []int64{0, r.off, int64(len(m.data))}[whence]
	off := m.position(t, -10)
	got, err := r.r.Seek(off-base, whence)
	if off < 0 && err == nil || off >= 0 && (got != off || err != nil) {
		t.Fatalf("Seek(%d, %d) from %d = %v, %v, want %d", off-base, whence, base, got, err, off)
	}
	if err == nil {
		r.off = off
	}
}

func (m *bufferModel) close(t *rapid.T) {
	if len(m.data) < 100 || rapid.IntRange(0, 5).Draw(t, "close") > 0 {
		t.Skip("not yet")
	}
	err := fmt.Errorf("end %d", len(m.data))
	switch rapid.IntRange(0, 2).Draw(t, "kind") {
	case 0:
		if got := m.b.Close(); got != nil {
			t.Fatalf("Close() = %v, want nil", got)
		}
		err = io.EOF
	case 1:
		if got := m.b.CloseWithError(err); got != nil {
			t.Fatalf("CloseWithError() = %v, want nil", got)
		}
	default:
		m.b.Abort(err)
		if !m.aborted {
			m.end, m.aborted = err, true
		}
	}
	if m.end == nil {
		m.end = err
	}
}

func (m *bufferModel) leave(t *rapid.T) {
	r := m.reader(t)
	if err := r.r.Close(); err != nil {
		t.Fatalf("Close() of a reader = %v, want nil", err)
	}
	for i := range m.readers {
		if m.readers[i] == r {
			m.readers = append(m.readers[:i], m.readers[i+1:]...)
			break
		}
	}
}

func (m *bufferModel) remove(t *rapid.T) {
	if rapid.IntRange(0, 5).Draw(t, "remove") > 0 {
		t.Skip("not yet")
	}
	err := m.b.Remove()
	if (err == nil) != (m.end != nil) {
		t.Fatalf("Remove() = %v, though the end is %v", err, m.end)
	}
	m.removed = m.removed || err == nil
	if m.removed {
		late := m.b.NewReader()
		if _, err := late.Read(make([]byte, 1)); err != m.end && !isRemoved(err) {
			t.Fatalf("Read() after Remove = _, %v, want ErrNotExist", err)
		}
		late.Close()
	}
}

func isRemoved(err error) bool {
	return errors.Is(err, fs.ErrNotExist)
}

func (m *bufferModel) check(t *rapid.T) {
	if m.b.Len() != int64(len(m.data)) {
		t.Fatalf("Len() = %v, want %v", m.b.Len(), len(m.data))
	}
}
