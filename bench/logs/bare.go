package logs

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"sync"
)

// bareLog is the least that an append can be which hands each record to the system: a write, and if it is to be durable
// an fdatasync. There is nothing but the record in it: no length, no checksum.
type bareLog struct {
	mu   sync.Mutex
	f    *os.File
	sync bool
}

func openBare(sync bool) func(dir string) (Log, error) {
	return func(dir string) (Log, error) {
		f, err := os.Create(filepath.Join(dir, "log"))
		return &bareLog{f: f, sync: sync}, err
	}
}

func (l *bareLog) Append(p []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, err := l.f.Write(p); err != nil || !l.sync {
		return err
	}
	return dataSync(l.f)
}

func (l *bareLog) Close() error { return l.f.Close() }

// framedLog is records of a length, a CRC-32C and the payload, through a buffer: what bareRead reads.
type framedLog struct {
	f   *os.File
	buf []byte
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

const block = 256 << 10

func openFramed(dir string) (Log, error) {
	f, err := os.Create(filepath.Join(dir, "log"))
	return &framedLog{f: f}, err
}

func (l *framedLog) Append(p []byte) error {
	l.buf = binary.LittleEndian.AppendUint32(l.buf, uint32(len(p)))
	l.buf = binary.LittleEndian.AppendUint32(l.buf, crc32.Checksum(p, castagnoli))
	l.buf = append(l.buf, p...)
	if len(l.buf) < block {
		return nil
	}
	return l.flush()
}

func (l *framedLog) flush() error {
	_, err := l.f.Write(l.buf)
	l.buf = l.buf[:0]
	return err
}

func (l *framedLog) Close() error { return errors.Join(l.flush(), l.f.Close()) }

var errCRC = errors.New("a checksum is wrong")

// readFramed is the least that reading with verification can be: pread of 256 KiB at a time, and a CRC of each record.
func readFramed(dir string, f func(p []byte) error) error {
	file, err := os.Open(filepath.Join(dir, "log"))
	if err != nil {
		return err
	}
	defer file.Close()
	buf := make([]byte, block)
	pos, n := int64(0), 0
	for {
		got, err := file.ReadAt(buf[n:], pos)
		if got == 0 {
			if err == io.EOF {
				err = nil
			}
			return err
		}
		pos, n = pos+int64(got), n+got
		i := 0
		for n-i >= 8 {
			size := int(binary.LittleEndian.Uint32(buf[i:]))
			if n-i < 8+size {
				break
			}
			p := buf[i+8 : i+8+size]
			if crc32.Checksum(p, castagnoli) != binary.LittleEndian.Uint32(buf[i+4:]) {
				return errCRC
			}
			if err := f(p); err != nil {
				return err
			}
			i += 8 + size
		}
		n = copy(buf, buf[i:n])
	}
}
