package streams

import (
	"io"
	"sync"
)

// rwMutexStream is [mutexStream] with a lock that readers share while they copy.
type rwMutexStream struct {
	mu     sync.RWMutex
	more   *sync.Cond // there are more bytes, or the end
	data   []byte
	closed bool
}

func newRWMutex(string) (Stream, error) {
	s := new(rwMutexStream)
	s.more = sync.NewCond(s.mu.RLocker())
	return s, nil
}

func (s *rwMutexStream) Write(p []byte) (int, error) {
	s.mu.Lock()
	s.data = append(s.data, p...)
	s.mu.Unlock()
	s.more.Broadcast()
	return len(p), nil
}

func (s *rwMutexStream) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.more.Broadcast()
	return nil
}

func (s *rwMutexStream) Reader() (io.ReadCloser, error) {
	return io.NopCloser(&rwMutexReader{s: s}), nil
}

func (s *rwMutexStream) Free() error { return nil }

type rwMutexReader struct {
	s   *rwMutexStream
	off int
}

func (r *rwMutexReader) Read(p []byte) (int, error) {
	s := r.s
	s.mu.RLock()
	defer s.mu.RUnlock()
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
