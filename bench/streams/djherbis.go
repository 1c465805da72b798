package streams

import (
	"io"

	"github.com/djherbis/stream"
)

// djherbisStream is github.com/djherbis/stream, in memory or in a file, of which each reader has a descriptor.
type djherbisStream struct {
	*stream.Stream
	inMemory bool
}

func newDjherbis(string) (Stream, error) {
	return djherbisStream{Stream: stream.NewMemStream(), inMemory: true}, nil
}

func newDjherbisFile(dir string) (Stream, error) {
	s, err := stream.New(fileIn(dir, "djherbis"))
	return djherbisStream{Stream: s}, err
}

func (s djherbisStream) Reader() (io.ReadCloser, error) { return s.NextReader() }

func (s djherbisStream) Free() error {
	if s.inMemory {
		return nil // its Remove is not supported there
	}
	return s.Remove()
}
