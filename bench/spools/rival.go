package spools

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"sync"
	"time"

	"github.com/phuslu/log"
	"github.com/rs/zerolog/diode"
	"go.uber.org/zap/zapcore"
	"gopkg.in/natefinch/lumberjack.v2"

	"github.com/sluice-go/sluice/spool"
)

// Rival is a way to write lines to a slow writer.
type Rival struct {
	Name string

	// New returns the rival in front of sink, whose Close it leaves to the caller; nil if it needs a file. Closing what
	// it returns hands over all that is left.
	New func(sink io.Writer, buffer int) io.WriteCloser

	// NewFile returns the rival in front of a file that it opens itself; nil: New in front of an os.File.
	NewFile func(path string, buffer int) (io.WriteCloser, error)

	Loses bool // lines, instead of waiting
	Each  bool // it calls the sink for each line
}

// Names of rivals that goals speak of.
const (
	Mutex      = "file+mutex"
	Bufio      = "bufio+mutex"
	Zap        = "zap BufferedWriteSyncer"
	Diode      = "zerolog diode"
	Phuslu     = "phuslu AsyncWriter"
	PhusluLent = "phuslu, p kept"
	Lumberjack = "lumberjack"
	Spool      = "spool.Writer"
)

// Rivals returns all of them, Sluice's last.
func Rivals() []Rival {
	return []Rival{
		{Name: Mutex, New: newLocked, Each: true},
		{Name: Bufio, New: newBufio},
		{Name: Zap, New: newZap},
		{Name: Diode, New: newDiode, Loses: true, Each: true},
		{Name: Phuslu, New: newPhuslu, NewFile: newPhusluFile, Each: true},
		{Name: PhusluLent, New: newPhusluLent, NewFile: newPhusluFileLent, Each: true},
		{Name: Lumberjack, NewFile: newLumberjack},
		{Name: Spool, New: newSpool},
	}
}

// locked is the least that several goroutines need.
type locked struct {
	mu sync.Mutex
	w  io.Writer
}

func newLocked(sink io.Writer, _ int) io.WriteCloser { return &locked{w: sink} }

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

func (l *locked) Close() error { return nil }

type lockedBuffer struct {
	mu sync.Mutex
	w  *bufio.Writer
}

func newBufio(sink io.Writer, buffer int) io.WriteCloser {
	return &lockedBuffer{w: bufio.NewWriterSize(sink, buffer)}
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

func (l *lockedBuffer) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Flush()
}

type zapWriter struct{ *zapcore.BufferedWriteSyncer }

func newZap(sink io.Writer, buffer int) io.WriteCloser {
	return zapWriter{&zapcore.BufferedWriteSyncer{WS: zapcore.AddSync(justWriter{sink}), Size: buffer}}
}

func (z zapWriter) Close() error { return z.Stop() }

// justWriter hides everything but Write: nobody syncs the file, and nobody closes it.
type justWriter struct{ io.Writer }

func newDiode(sink io.Writer, _ int) io.WriteCloser {
	return diode.NewWriter(justWriter{sink}, 1000, 10*time.Millisecond, nil) // as in its own documentation
}

// copied gives phuslu's writer a copy of each line: it keeps what it is given, and a caller that keeps to io.Writer's
// contract uses that again.
type copied struct{ io.WriteCloser }

func (c copied) Write(p []byte) (int, error) { return c.WriteCloser.Write(bytes.Clone(p)) }

func newPhuslu(sink io.Writer, buffer int) io.WriteCloser {
	return copied{newPhusluLent(sink, buffer)}
}

func newPhusluFile(path string, buffer int) (io.WriteCloser, error) {
	w, err := newPhusluFileLent(path, buffer)
	return copied{w}, err
}

func newPhusluLent(sink io.Writer, _ int) io.WriteCloser {
	return &log.AsyncWriter{Writer: log.IOWriter{Writer: justWriter{sink}}, ChannelSize: phusluQueue}
}

// newPhusluFileLent lets it use writev.
func newPhusluFileLent(path string, _ int) (io.WriteCloser, error) {
	return &log.AsyncWriter{Writer: &log.FileWriter{Filename: path}, ChannelSize: phusluQueue}, nil
}

const phusluQueue = 4096 // as in its own documentation

func newLumberjack(path string, _ int) (io.WriteCloser, error) {
	return &lumberjack.Logger{Filename: path, MaxSize: 1 << 20}, nil // MiB: it never rotates
}

func newSpool(sink io.Writer, buffer int) io.WriteCloser {
	return spool.NewWriter(justWriter{sink}, spool.Options{BufferBytes: buffer})
}

// file is a rival in front of an os.File.
type file struct {
	io.WriteCloser
	f *os.File
}

func (f file) Close() error {
	if err := f.WriteCloser.Close(); err != nil {
		return err
	}
	return f.f.Close()
}

// open returns r in front of a file.
func (r Rival) open(path string, buffer int) (io.WriteCloser, error) {
	if r.NewFile != nil {
		return r.NewFile(path, buffer)
	}
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	return file{r.New(f, buffer), f}, nil
}
