package spool

import (
	"bytes"
	"context"
	"fmt"
	"sync"

	"github.com/sluice-go/sluice"
)

// Codec turns values into messages and back.
type Codec[T any] interface {
	// Append appends the encoding of v to dst.
	Append(dst []byte, v T) ([]byte, error)

	// Decode is the inverse; src is only lent.
	Decode(src []byte) (T, error)
}

// Sink is a [Dir] that takes values. It is a [sluice.Sink]: offsets count the values of this Sink, from 0 at each [OpenSink].
// In the files, values that are appended at once may stand in another order.
type Sink[T any] struct {
	dir   *Dir
	codec Codec[T]
	bufs  sync.Pool // of *[]byte

	mu   sync.Mutex
	next sluice.Offset // guarded by mu
}

var _ sluice.Sink[int] = (*Sink[int])(nil)

// OpenSink opens a directory as [Open] does, for values. If o.Check is nil, recovery decodes: a value that the codec does not
// accept ends what is recovered of its file.
func OpenSink[T any](dir string, codec Codec[T], o DirOptions) (*Sink[T], error) {
	return openSinkOn(systemDisk, dir, codec, o)
}

func openSinkOn[T any](fsys disk, dir string, codec Codec[T], o DirOptions) (*Sink[T], error) {
	if o.Check == nil {
		o.Check = func(msg []byte) error {
			_, err := codec.Decode(msg)
			return err
		}
	}
	d, err := openOn(fsys, dir, o)
	if err != nil {
		return nil, err
	}
	s := &Sink[T]{dir: d, codec: codec}
	s.bufs.New = func() any { return new([]byte) }
	return s, nil
}

// Append adds v and returns its offset. It waits for a worker with room until ctx is done, at most DirOptions.Timeout;
// then the error is context.Cause(ctx) or wraps [ErrFull], and v was not added. It returns [sluice.ErrClosed] after
// Close, and the codec's error for a value that it can't encode.
func (s *Sink[T]) Append(ctx context.Context, v T) (sluice.Offset, error) {
	return s.AppendAll(ctx, []T{v})
}

// AppendAll adds all values of vs, at consecutive offsets and one behind the other in one file, or none.
func (s *Sink[T]) AppendAll(ctx context.Context, vs []T) (sluice.Offset, error) {
	buf := s.bufs.Get().(*[]byte)
	defer s.bufs.Put(buf)
	*buf = (*buf)[:0]
	var err error
	for i, v := range vs {
		if *buf, err = s.frame(*buf, v); err != nil {
			return 0, fmt.Errorf("spool: encode value %d of %d: %w", i+1, len(vs), err)
		}
	}
	return s.add(ctx, *buf, int64(len(vs)))
}

// frame appends v as it stands in a file.
func (s *Sink[T]) frame(buf []byte, v T) ([]byte, error) {
	start := len(buf)
	if s.dir.o.Framing == Lines {
		buf, err := s.codec.Append(buf, v)
		if err == nil && bytes.IndexByte(buf[start:], '\n') >= 0 {
			err = fmt.Errorf("the encoding %q has a newline, which ends a message: use Lengths", abbreviate(buf[start:]))
		}
		return append(buf, '\n'), err
	}
	buf = append(buf, make([]byte, headBytes)...)
	buf, err := s.codec.Append(buf, v)
	if err != nil {
		return buf, err
	}
	msg := buf[start+headBytes:]
	if err := Lengths.check(int64(len(msg))); err != nil {
		return buf, err
	}
	h := head(int64(len(msg)), crcOf(msg))
	copy(buf[start:], h[:])
	return buf, nil
}

func abbreviate(p []byte) []byte { return p[:min(len(p), 40)] }

// add gives n framed values to a worker.
func (s *Sink[T]) add(ctx context.Context, framed []byte, n int64) (first sluice.Offset, err error) {
	if n > 0 {
		err = s.dir.add(ctx, s.dir.workers, load{data: framed, framed: true, messages: n})
	} else {
		err = s.dir.workers[0].lane.open()
	}
	if err != nil {
		return 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	first = s.next
	s.next += sluice.Offset(n)
	return first, nil
}

// Dir returns what the values go to, for its Flush, Stats and CloseContext.
func (s *Sink[T]) Dir() *Dir { return s.dir }

// Close closes the Dir: see [Dir.Close].
func (s *Sink[T]) Close() error { return s.dir.Close() }
