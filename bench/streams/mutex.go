package streams

import (
	"io"
	"sync"
)

// mutexStream is what most programs write: a slice of bytes, a mutex and a condition. A reader copies with the lock held.
type mutexStream struct {
	mu     sync.Mutex
	more   sync.Cond // there are more bytes, or the end
	data   []byte
	closed bool
}

func newMutex(string) (Stream, error) {
	s := new(mutexStream)
	s.more.L = &s.mu
	return s, nil
}

func (s *mutexStream) Write(p []byte) (int, error) {
	s.mu.Lock()
	s.data = append(s.data, p...)
	s.mu.Unlock()
	s.more.Broadcast()
	return len(p), nil
}

func (s *mutexStream) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.more.Broadcast()
	return nil
}

func (s *mutexStream) Reader() (io.ReadCloser, error) { return io.NopCloser(&mutexReader{s: s}), nil }

func (s *mutexStream) Free() error { return nil }

type mutexReader struct {
	s   *mutexStream
	off int
}

func (r *mutexReader) Read(p []byte) (int, error) {
	s := r.s
	s.mu.Lock()
	defer s.mu.Unlock()
	for r.off == len(s.data) {
		if s.closed {
			return 0, io.EOF
		}
		s.more.Wait()
	}
	n := copy(p, s.data[r.off:])
	r.off += n
	return n, nil
}
