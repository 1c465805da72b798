package spool_test

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/sluice-go/sluice/spool"
)

// A program that logs with slog: os.Stdout becomes spool.NewWriter(os.Stdout, …), and is closed at the end.
func ExampleNewWriter() {
	w := spool.NewWriter(os.Stdout, spool.Options{}) // was: w := os.Stdout
	defer w.Close()

	logger := slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{ReplaceAttr: withoutTime}))
	logger.Info("ready", "port", 8080)
	// Output: level=INFO msg=ready port=8080
}

func withoutTime(_ []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey {
		return slog.Attr{}
	}
	return a
}

// The log package gets it with SetOutput. log.Fatal ends the process without a deferred Close, so write log.Print, Close
// and os.Exit instead.
func ExampleWriter_log() {
	w := spool.NewWriter(os.Stdout, spool.Options{})
	defer w.Close()
	log.SetFlags(0)
	log.SetOutput(w)
	log.Print("started")
	// Output: started
}

// zap takes a Writer as it is: with Write and Sync it is a zapcore.WriteSyncer, which is this interface.
func ExampleWriter_Sync() {
	type WriteSyncer interface { // zapcore.WriteSyncer
		io.Writer
		Sync() error
	}
	var ws WriteSyncer = spool.NewWriter(os.Stdout, spool.Options{})
	// zap.New(zapcore.NewCore(encoder, ws, zap.InfoLevel))
	fmt.Fprintln(ws, "written")
	fmt.Println(ws.Sync()) // logger.Sync() calls it
	// Output:
	// written
	// <nil>
}

// A Writer is an io.StringWriter.
func ExampleWriter_WriteString() {
	w := spool.NewWriter(os.Stdout, spool.Options{})
	io.WriteString(w, "no copy to a []byte\n")
	w.Close()
	// Output: no copy to a []byte
}

// What child processes print is copied with ReadFrom (os/exec does it by itself: cmd.Stdout = w), so that the lines of
// several stay whole.
func ExampleWriter_ReadFrom() {
	w := spool.NewWriter(os.Stdout, spool.Options{})
	defer w.Close()
	n, err := w.ReadFrom(strings.NewReader("one\ntwo\n"))
	w.Flush(context.Background())
	fmt.Println(n, err)
	// Output:
	// one
	// two
	// 8 <nil>
}

// offline is a connection that is down.
type offline struct{}

func (offline) Write([]byte) (int, error) { return 0, errors.New("connection refused") }

// A log that must never hold up its program drops, counts, and says at the end what it could not deliver.
func ExampleOptions() {
	w := spool.NewWriter(offline{}, spool.Options{
		BufferBytes: 16,
		Buffers:     2,
		Overflow:    spool.DropNewest,
		OnDrop:      func(line []byte, _ int) { fmt.Printf("dropped %q\n", line) },
		CloseWithin: time.Millisecond,
	})
	for i := range 3 {
		fmt.Fprintf(w, "a line, no. %02d.\n", i)
	}
	fmt.Println(w.Stats().Refused.Lines, "refused")

	var lost *spool.UndeliveredError
	if errors.As(w.Close(), &lost) {
		fmt.Println(lost.Lines, "lines,", lost.Bytes, "bytes were not delivered")
	}
	// Output:
	// dropped "a line, no. 02.\n"
	// 1 refused
	// 2 lines, 32 bytes were not delivered
}

// A collector gathers small messages, and ships whole files.
func ExampleOpen() {
	dir, err := os.MkdirTemp("", "spool")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	d, err := spool.Open(dir, spool.DirOptions{
		Prefix:     "sensors-",
		Ext:        ".ndjson",
		Workers:    1, // in order
		MaxFileAge: time.Minute,
		Compress:   spool.Gzip(gzip.BestSpeed),
		OnFile: func(path string, info spool.FileInfo) {
			fmt.Println("ship", filepath.Ext(path), "with", info.Messages, "messages")
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for i := range 1000 {
		fmt.Fprintf(d, `{"sensor": %d, "celsius": 21.5}`, i)
	}
	fmt.Println(d.Close())
	// Output:
	// ship .gz with 1000 messages
	// <nil>
}

// An upload is one message, or none if it breaks off.
func ExampleDir_WriteFrom() {
	dir, err := os.MkdirTemp("", "spool")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	d, err := spool.Open(dir, spool.DirOptions{Framing: spool.Lengths})
	if err != nil {
		fmt.Println(err)
		return
	}
	d.WriteFrom(strings.NewReader("first upload"))
	_, err = d.WriteFrom(io.MultiReader(strings.NewReader("half an upl"), brokenReader{}))
	fmt.Println(err)
	d.Close()

	paths, _ := filepath.Glob(filepath.Join(dir, "*.log"))
	f, err := os.Open(paths[0])
	if err != nil {
		fmt.Println(err)
		return
	}
	defer f.Close()
	for msg, err := range spool.Messages(f, spool.Lengths) {
		fmt.Printf("%s %v\n", msg, err)
	}
	// Output:
	// connection reset
	// first upload <nil>
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errors.New("connection reset") }

// point is a value, and pointCodec writes it as text. A codec of package diskq does as well.
type point struct{ x, y int }

type pointCodec struct{}

func (pointCodec) Append(dst []byte, p point) ([]byte, error) {
	return fmt.Appendf(dst, "%d %d", p.x, p.y), nil
}

func (pointCodec) Decode(src []byte) (p point, err error) {
	_, err = fmt.Sscan(string(src), &p.x, &p.y)
	return p, err
}

func ExampleOpenSink() {
	dir, err := os.MkdirTemp("", "spool")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	s, err := spool.OpenSink(dir, pointCodec{}, spool.DirOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	off, err := s.AppendAll(context.Background(), []point{{1, 2}, {3, 4}})
	fmt.Println(off, err)
	s.Close()

	paths, _ := filepath.Glob(filepath.Join(dir, "*.log"))
	text, _ := os.ReadFile(paths[0])
	fmt.Print(string(text))
	// Output:
	// 0 <nil>
	// 1 2
	// 3 4
}
