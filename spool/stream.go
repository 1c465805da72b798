package spool

import (
	"bytes"
	"context"
	"errors"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"

	"github.com/sluice-go/sluice/internal/fsx"
)

// WriteFrom adds what r has until io.EOF as one message, and returns its length. If r fails, nothing of it is left, and
// the error is r's. A message that is larger than a buffer goes through a temporary file and becomes a finished file of
// its own, however large: a slow reader holds nobody up. WriteFrom returns when that file is finished. Within Timeout a
// worker must have taken it, or it is refused with [ErrFull]. Up to a buffer's size it is as [Dir.Write].
func (d *Dir) WriteFrom(r io.Reader) (int64, error) {
	buf := d.scratch.Get().(*[]byte)
	defer d.scratch.Put(buf)
	n, err := readFull(r, *buf)
	switch err {
	case nil:
		return d.stream((*buf)[:n], r)
	case io.EOF:
		n, err = d.Write((*buf)[:n])
		return int64(n), err
	}
	return 0, err
}

// readFull reads until p is full or r fails. Unlike io.ReadFull it returns r's error as it is: io.ErrUnexpectedEOF, say,
// is how a request's body tells that a part is missing.
func readFull(r io.Reader, p []byte) (n int, err error) {
	for n < len(p) && err == nil {
		var k int
		k, err = readSome(r, p[n:])
		n += k
	}
	return n, err
}

// A stream is one message in a file of its own, on its way to a worker.
type stream struct {
	f       fsx.File
	path    string
	size    int64 // of the file
	message int64
	sum     uint32 // CRC-32C of the file from sumFrom on
	sumFrom int64
	adopted bool // a worker has it
}

// stream adds a message that starts with begin and goes on with r.
func (d *Dir) stream(begin []byte, r io.Reader) (n int64, err error) {
	s := &stream{path: filepath.Join(d.temp, d.names.next()+streamSuffix)}
	if s.f, err = d.fs.OpenFile(s.path, os.O_RDWR|os.O_CREATE|os.O_EXCL, d.o.Perm); err != nil {
		return 0, err
	}
	defer func() { // also if r panics
		if s.adopted {
			return
		}
		if left := errors.Join(s.f.Close(), d.fs.Remove(s.path)); left != nil {
			err = errors.Join(err, left)
		}
	}()
	if err := s.fill(d.o.Framing, io.MultiReader(bytes.NewReader(begin), r)); err != nil {
		return 0, err
	}
	if err := d.handOver(s); err != nil {
		return 0, err
	}
	return s.message, nil
}

// handOver has a worker finish s.
func (d *Dir) handOver(s *stream) error {
	w := d.pick(d.workers)
	e := &entry{must: true, lines: 1, size: s.size}
	e.do = func() error {
		err := w.adopt(s)
		e.begun = s.adopted // a worker's file from now on: it can't be taken back
		return err
	}
	ctx, cancel := d.patience(context.Background())
	defer cancel()
	if err := w.lane.await(ctx, e); err != nil {
		return d.refuse(w, load{messages: 1}, s.size, err)
	}
	return nil
}

// fill writes the message that r has to the file, framed.
func (s *stream) fill(f Framing, r io.Reader) error {
	if f == Lengths {
		s.size, s.sumFrom = headBytes, headBytes // the head comes last: it says the length
	}
	buf := make([]byte, 64<<10)
	last := byte(0)
	for {
		n, err := readSome(r, buf)
		if n > 0 {
			last = buf[n-1]
			s.message += int64(n)
			if err := f.check(s.message); err != nil {
				return err
			}
			if err := s.append(buf[:n]); err != nil {
				return err
			}
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
	}
	if f == Lengths {
		h := head(s.message, crcEnd(s.sum, s.message))
		return writeAt(s.f, h[:], 0)
	}
	return s.append([]byte(f.tail([]byte{last})))
}

func (s *stream) append(p []byte) error {
	if err := writeAt(s.f, p, s.size); err != nil {
		return err
	}
	s.size += int64(len(p))
	s.sum = crc32.Update(s.sum, castagnoli, p)
	return nil
}

func writeAt(f fsx.File, p []byte, at int64) error {
	n, err := f.WriteAt(p, at)
	if n < len(p) && err == nil {
		err = io.ErrShortWrite
	}
	return err
}
