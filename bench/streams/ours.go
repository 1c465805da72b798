package streams

import (
	"io"

	"github.com/sluice-go/sluice/replay"
)

// ours is a replay.Buffer. Its readers are read with Read like the others; the row lent uses WriteTo, which lends pieces of the
// buffer without a copy.
type ours struct{ *replay.Buffer }

func newBuffer(string) (Stream, error) { return ours{replay.NewBuffer(replay.BufferOptions{})}, nil }

func newBufferFile(dir string) (Stream, error) {
	b, err := replay.CreateBuffer(fileIn(dir, "buffer"))
	return ours{b}, err
}

// newSpill has a MiB in memory and the rest in a file.
func newSpill(dir string) (Stream, error) {
	return ours{replay.NewBuffer(replay.BufferOptions{SpillBytes: 1 << 20, Dir: dir})}, nil
}

func (s ours) Reader() (io.ReadCloser, error) { return s.NewReader(), nil }

func (s ours) Free() error { return s.Remove() }
