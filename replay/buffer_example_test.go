package replay_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/replay"
)

// Whoever comes late reads what was written before, too.
func ExampleNewBuffer() {
	b := replay.NewBuffer(replay.BufferOptions{})
	fmt.Fprint(b, "written before; ")
	r := b.NewReader()
	defer r.Close()
	fmt.Fprint(b, "written after")
	b.Close()

	all, err := io.ReadAll(r)
	fmt.Println(string(all), err)
	// Output: written before; written after <nil>
}

// The last bytes of an endless stream: a reader that was left behind is told what it missed.
func ExampleBufferOptions() {
	b := replay.NewBuffer(replay.BufferOptions{MaxBytes: 10})
	r := b.NewReader()
	defer r.Close()
	for i := range 5 {
		fmt.Fprintf(b, "line %d\n", i)
	}
	b.Close()
	var lag *sluice.LagError
	_, err := r.WriteTo(os.Stdout)
	if errors.As(err, &lag) {
		fmt.Println(lag.Missed(), "bytes are gone")
		r.WriteTo(os.Stdout)
	}
	// Output:
	// 25 bytes are gone
	//  3
	// line 4
}

func ExampleCreateBuffer() {
	dir, err := os.MkdirTemp("", "example-")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	b, err := replay.CreateBuffer(filepath.Join(dir, "download"))
	if err != nil {
		fmt.Println(err)
		return
	}
	n, err := b.ReadFrom(strings.NewReader("what comes over the net"))
	b.CloseWithError(err) // nil, or why it failed
	fmt.Println(n, err)

	r := b.NewReader()
	defer r.Close()
	r.Seek(-3, io.SeekEnd)
	r.WriteTo(os.Stdout)
	// Output:
	// 23 <nil>
	// net
}

func ExampleOpenBuffer() {
	dir, err := os.MkdirTemp("", "example-")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	name := filepath.Join(dir, "kept")
	if err := os.WriteFile(name, []byte("from an earlier run"), 0o600); err != nil {
		fmt.Println(err)
		return
	}
	b, err := replay.OpenBuffer(name)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer b.Close()
	r := b.NewReader()
	defer r.Close()
	all, err := io.ReadAll(r)
	fmt.Println(string(all), err)
	// Output: from an earlier run <nil>
}

// A download that failed never looks complete.
func ExampleBuffer_CloseWithError() {
	b := replay.NewBuffer(replay.BufferOptions{})
	fmt.Fprint(b, "half of it")
	b.CloseWithError(errors.New("connection lost"))

	late := b.NewReader()
	defer late.Close()
	all, err := io.ReadAll(late)
	fmt.Printf("%s: %v\n", all, err)
	// Output: half of it: connection lost
}

// A temporary file is gone once it is removed and nobody reads any more.
func ExampleBuffer_Remove() {
	b := replay.NewBuffer(replay.BufferOptions{SpillBytes: 1 << 20}) // a MiB in memory, the rest in a file
	r := b.NewReader()
	b.WriteString(strings.Repeat("x", 3<<20))
	b.Close()
	fmt.Println("refused to others, kept for r:", b.Remove())
	n, err := io.Copy(io.Discard, r)
	fmt.Println(n, err)
	fmt.Println("deleted:", r.Close())
	// Output:
	// refused to others, kept for r: <nil>
	// 3145728 <nil>
	// deleted: <nil>
}

// A snapshot reader takes what is there and goes on.
func ExampleBuffer_NewSnapshotReader() {
	b := replay.NewBuffer(replay.BufferOptions{})
	r := b.NewSnapshotReader()
	defer r.Close()
	for i := range 2 {
		fmt.Fprintf(b, "part %d", i)
		now, err := io.ReadAll(r)
		fmt.Printf("%q %v\n", now, err)
	}
	// Output:
	// "part 0" <nil>
	// "part 1" <nil>
}

// A read that waits ends with its context, as with the reader's Close.
func ExampleBufferReader_ReadContext() {
	b := replay.NewBuffer(replay.BufferOptions{})
	r := b.NewReader()
	defer r.Close()
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(errors.New("the client has gone"))
	_, err := r.ReadContext(ctx, make([]byte, 10))
	fmt.Println(err)
	// Output: the client has gone
}
