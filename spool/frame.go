package spool

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"iter"
	"math"
)

// Framing is how messages stand in a file of a [Dir], so that a reader, and recovery, know where one ends.
type Framing int

const (
	// Lines ends each message with a newline, which is added where it is missing. What is inside a message stays as it
	// is: if it has newlines, recovery and [Messages] take it for several. Messages with NUL bytes
	// are not recovered but set aside: that is what a power cut leaves of a message.
	Lines Framing = iota

	// Lengths puts eight bytes before each message: its length, and a CRC-32C (Castagnoli) of the message and these four
	// bytes, both big-endian. A message may hold anything, up to 4 GiB - 1. Zeros are never a message, nor is one of
	// which a part is missing or damaged.
	Lengths
)

const headBytes = 8

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// frameSize returns how many bytes a message takes in a file.
func (f Framing) frameSize(msg []byte) int {
	if f == Lengths {
		return headBytes + len(msg)
	}
	return len(msg) + len(f.tail(msg))
}

// appendFrame appends a message as it stands in a file.
func (f Framing) appendFrame(dst, msg []byte) []byte {
	if f == Lengths {
		at := len(dst)
		dst = binary.BigEndian.AppendUint32(dst, uint32(len(msg)))
		// Not crcEnd: the checksum's argument escapes, and these bytes are on the heap already.
		crc := crc32.Update(crc32.Update(0, castagnoli, msg), castagnoli, dst[at:])
		dst = binary.BigEndian.AppendUint32(dst, crc)
	}
	dst = append(dst, msg...)
	return append(dst, f.tail(msg)...)
}

func (f Framing) tail(msg []byte) string {
	if f == Lengths || len(msg) > 0 && msg[len(msg)-1] == '\n' {
		return ""
	}
	return "\n"
}

// check returns an error for a message that can't be framed.
func (f Framing) check(bytes int64) error {
	if f == Lengths && bytes > math.MaxUint32 {
		return fmt.Errorf("spool: a message of %d bytes is longer than Lengths can say, %d", bytes, int64(math.MaxUint32))
	}
	return nil
}

func head(length int64, crc uint32) (h [headBytes]byte) {
	binary.BigEndian.PutUint32(h[:4], uint32(length))
	binary.BigEndian.PutUint32(h[4:], crc)
	return h
}

func crcOf(msg []byte) uint32 { return crcEnd(crc32.Update(0, castagnoli, msg), int64(len(msg))) }

// crcEnd adds the length to the CRC of a message.
func crcEnd(crc uint32, length int64) uint32 {
	var l [4]byte
	binary.BigEndian.PutUint32(l[:], uint32(length))
	return crc32.Update(crc, castagnoli, l[:])
}

// ErrTorn is what [Messages] ends with if the last message is not whole, or something is no message at all.
var ErrTorn = errors.New("spool: a message is torn or damaged")

// Messages returns the messages of a finished file, decompressed, without newlines or lengths. A message is lent until
// the next one. An error of r, or one that wraps [ErrTorn] and says where, comes last; then the rest can't be read.
func Messages(r io.Reader, f Framing) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		s := newScanner(r, f)
		for {
			msg, err := s.next()
			if err == io.EOF || !yield(msg, err) || err != nil {
				return
			}
		}
	}
}

// scanner reads messages one after the other.
type scanner struct {
	r       *bufio.Reader
	framing Framing
	end     int64 // behind the last whole message
	buf     bytes.Buffer
}

func newScanner(r io.Reader, f Framing) *scanner {
	return &scanner{r: bufio.NewReaderSize(r, 64<<10), framing: f}
}

// next returns the next message, io.EOF at a clean end, and otherwise an error; after that it is not called again.
func (s *scanner) next() ([]byte, error) {
	s.buf.Reset()
	if s.framing == Lengths {
		return s.nextLength()
	}
	for {
		part, err := s.r.ReadSlice('\n')
		s.buf.Write(part)
		switch {
		case err == nil:
			s.end += int64(s.buf.Len())
			return s.buf.Bytes()[:s.buf.Len()-1], nil
		case err == io.EOF && s.buf.Len() > 0:
			return nil, fmt.Errorf("%w: %d bytes at %d without a newline", ErrTorn, s.buf.Len(), s.end)
		case err != bufio.ErrBufferFull:
			return nil, err
		}
	}
}

func (s *scanner) nextLength() ([]byte, error) {
	var h [headBytes]byte
	if n, err := io.ReadFull(s.r, h[:]); err == io.ErrUnexpectedEOF {
		return nil, fmt.Errorf("%w: %d bytes at %d, which is less than a length and a checksum", ErrTorn, n, s.end)
	} else if err != nil {
		return nil, err
	}
	length := int64(binary.BigEndian.Uint32(h[:4]))
	n, err := s.buf.ReadFrom(io.LimitReader(s.r, length)) // grows with what is there, not with what a damaged length says
	if err != nil {
		return nil, err
	}
	if n < length {
		return nil, fmt.Errorf("%w: the message at %d has %d of %d bytes", ErrTorn, s.end, n, length)
	}
	if crcOf(s.buf.Bytes()) != binary.BigEndian.Uint32(h[4:]) {
		return nil, fmt.Errorf("%w: the message of %d bytes at %d does not match its checksum", ErrTorn, length, s.end)
	}
	s.end += headBytes + length
	return s.buf.Bytes(), nil
}
