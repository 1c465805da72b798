package spool

import (
	"bytes"
	"errors"
	"io"
)

// ReadFrom writes what r has until io.EOF, which is no error, and returns how many bytes it read. It hands over lines
// that end with a newline, as many at once as it read: so what several goroutines copy into one Writer (the output of
// child processes, say) stays whole. A line of more than Options.BufferBytes is handed over in pieces of that size; what
// is left behind the last newline, as it is.
//
// Where Overflow drops, what is refused is counted, and reading goes on; with Block, ErrFull ends it.
func (w *Writer) ReadFrom(r io.Reader) (n int64, err error) {
	buf := make([]byte, 0, min(32<<10, w.o.BufferBytes))
	for err == nil {
		if len(buf) == cap(buf) {
			buf = append(make([]byte, 0, min(2*cap(buf), w.o.BufferBytes)), buf...)
		}
		var k int
		k, err = readSome(r, buf[len(buf):cap(buf)])
		n += int64(k)
		buf = buf[:len(buf)+k]
		whole := bytes.LastIndexByte(buf, '\n') + 1
		if err != nil || whole == 0 && len(buf) == w.o.BufferBytes {
			whole = len(buf)
		}
		if werr := w.hand(buf[:whole]); werr != nil {
			return n, werr
		}
		buf = append(buf[:0], buf[whole:]...)
	}
	if err == io.EOF {
		err = nil
	}
	return n, err
}

// hand writes lines that were read.
func (w *Writer) hand(lines []byte) error {
	_, err := w.Write(lines)
	if errors.Is(err, ErrFull) && w.o.Overflow != Block {
		return nil
	}
	return err
}

// readSome reads once, or as often as r returns nothing at all, up to a limit.
func readSome(r io.Reader, p []byte) (n int, err error) {
	for range 100 {
		n, err = r.Read(p)
		if n < 0 || n > len(p) {
			return 0, errors.New("spool: the reader's Read returned an impossible count")
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
	return 0, io.ErrNoProgress
}
