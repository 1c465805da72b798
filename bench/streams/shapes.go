package streams

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// Run is one writer and some readers, which wait from before the first byte.
type Run struct {
	Writes, Size int
	Readers      int
	Lent         bool // readers use WriteTo
	Full         bool // they compare every byte
}

func (r Run) bytes() int64 { return int64(r.Writes) * int64(r.Size) }

// Live returns the time from the first write until the last reader has the last byte.
func (r Run) Live(s Stream) (time.Duration, error) {
	return r.with(s, func() error { return r.write(s) })
}

// Worst returns how long the longest of the writes took, beside the time of Live.
func (r Run) Worst(s Stream) (worst, total time.Duration, err error) {
	total, err = r.with(s, func() (err error) {
		worst, err = r.writeTimed(s)
		return err
	})
	return worst, total, err
}

// Fill writes without readers.
func (r Run) Fill(s Stream) (time.Duration, error) {
	start := time.Now()
	err := errors.Join(r.write(s), s.Close())
	return time.Since(start), err
}

// with returns how long it takes to write and to read all of it.
func (r Run) with(s Stream, write func() error) (time.Duration, error) {
	var wg sync.WaitGroup
	var started sync.WaitGroup
	errs := make([]error, r.Readers)
	for i := range errs {
		rd, err := s.Reader()
		if err != nil {
			return 0, err
		}
		started.Add(1)
		wg.Go(func() {
			started.Done()
			errs[i] = r.read(rd)
		})
	}
	started.Wait()
	start := time.Now()
	err := errors.Join(write(), s.Close())
	wg.Wait()
	return time.Since(start), errors.Join(append(errs, err)...)
}

func (r Run) write(s io.Writer) error {
	for off := int64(0); off < r.bytes(); off += int64(r.Size) {
		if _, err := s.Write(at(off, r.Size)); err != nil {
			return err
		}
	}
	return nil
}

func (r Run) writeTimed(s io.Writer) (worst time.Duration, err error) {
	for off := int64(0); off < r.bytes(); off += int64(r.Size) {
		start := time.Now()
		if _, err := s.Write(at(off, r.Size)); err != nil {
			return 0, err
		}
		worst = max(worst, time.Since(start))
	}
	return worst, nil
}

// readSize is the room that readers give to Read.
const readSize = 32 << 10

// read reads the whole stream.
func (r Run) read(rd io.ReadCloser) error {
	t := &Tally{Full: r.Full}
	if err := r.readInto(t, rd); err != nil {
		return err
	}
	if err := rd.Close(); err != nil {
		return err
	}
	return t.Check(r.bytes())
}

func (r Run) readInto(t *Tally, rd io.Reader) error {
	if r.Lent {
		_, err := rd.(io.WriterTo).WriteTo(t)
		return err
	}
	p := make([]byte, readSize)
	for {
		n, err := rd.Read(p)
		t.see(p[:n])
		if err == io.EOF {
			return nil
		} else if err != nil {
			return fmt.Errorf("behind %d bytes: %w", t.count, err)
		}
	}
}
