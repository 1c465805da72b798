package streams

import (
	"errors"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// mutexFile is an os.File with a mutex and a condition: one descriptor, from which all read.
type mutexFile struct {
	mu     sync.Mutex
	more   sync.Cond // there are more bytes, or the end
	f      *os.File
	size   int64
	closed bool
}

func newMutexFile(dir string) (Stream, error) {
	f, err := os.Create(fileIn(dir, "mutex"))
	s := &mutexFile{f: f}
	s.more.L = &s.mu
	return s, err
}

func (s *mutexFile) Write(p []byte) (int, error) {
	s.mu.Lock()
	n, err := s.f.Write(p)
	s.size += int64(n)
	s.mu.Unlock()
	s.more.Broadcast()
	return n, err
}

func (s *mutexFile) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.more.Broadcast()
	return nil
}

func (s *mutexFile) Reader() (io.ReadCloser, error) {
	return io.NopCloser(&mutexFileReader{s: s}), nil
}

func (s *mutexFile) Free() error { return errors.Join(s.f.Close(), os.Remove(s.f.Name())) }

type mutexFileReader struct {
	s   *mutexFile
	off int64
}

func (r *mutexFileReader) Read(p []byte) (int, error) {
	size := r.s.behind(r.off)
	if size == r.off {
		return 0, io.EOF
	}
	n, err := r.s.f.ReadAt(p[:min(int64(len(p)), size-r.off)], r.off)
	r.off += int64(n)
	return n, err
}

// behind waits until there is more than off, or the end, and returns the size.
func (s *mutexFile) behind(off int64) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.size == off && !s.closed {
		s.more.Wait()
	}
	return s.size
}

// polledFile is an os.File that each reader opens for itself and asks for more every millisecond, as tail -f does. Nobody is
// woken, and readers that wait are never at rest.
type polledFile struct {
	f      *os.File
	closed atomic.Bool
}

func newPolled(dir string) (Stream, error) {
	f, err := os.Create(fileIn(dir, "polled"))
	return &polledFile{f: f}, err
}

func (s *polledFile) Write(p []byte) (int, error) { return s.f.Write(p) }

func (s *polledFile) Close() error {
	s.closed.Store(true)
	return nil
}

func (s *polledFile) Reader() (io.ReadCloser, error) {
	f, err := os.Open(s.f.Name())
	return &polledReader{s: s, File: f}, err
}

func (s *polledFile) Free() error { return errors.Join(s.f.Close(), os.Remove(s.f.Name())) }

type polledReader struct {
	s *polledFile
	*os.File
}

func (r *polledReader) Read(p []byte) (int, error) {
	for {
		closed := r.s.closed.Load() // before the file: then its end is the end
		n, err := r.File.Read(p)
		if n > 0 || err != io.EOF || closed {
			return n, err
		}
		time.Sleep(time.Millisecond)
	}
}
