package diskq_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/diskq"
)

// tempDir is where the examples keep their queues.
func tempDir() string {
	dir, err := os.MkdirTemp("", "diskq-example-")
	if err != nil {
		log.Fatal(err)
	}
	return dir
}

// A queue goes on where it was when it is opened again, and a reader from wherever it says.
func ExampleOpen() {
	type event struct{ Name string }
	dir := tempDir()
	defer os.RemoveAll(dir)
	ctx := context.Background()

	q, err := diskq.Open(dir, diskq.JSON[event](), diskq.Options{})
	if err != nil {
		log.Fatal(err)
	}
	for _, name := range []string{"start", "work", "stop"} {
		if _, err := q.Append(ctx, event{name}); err != nil {
			log.Fatal(err)
		}
	}
	if err := q.Close(); err != nil {
		log.Fatal(err)
	}

	q, err = diskq.Open(dir, diskq.JSON[event](), diskq.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer q.Close()
	cur := q.Cursor(sluice.Last(2))
	defer cur.Close()
	values, why := cur.Backlog(ctx)
	for ev := range values {
		fmt.Println(ev.Name)
	}
	if err := why(); err != nil {
		log.Fatal(err)
	}
	// Output:
	// work
	// stop
}

// Whoever keeps an offset keeps the epoch with it.
func ExampleDiskQueue_Epoch() {
	dir := tempDir()
	defer os.RemoveAll(dir)
	ctx := context.Background()
	q, err := diskq.Open(dir, diskq.String(), diskq.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer q.Close()
	if _, err := q.AppendAll(ctx, []string{"a", "b", "c", "d"}); err != nil {
		log.Fatal(err)
	}

	// What a program keeps of how far it is, in a place of its own.
	type place struct {
		Epoch  uint64
		Offset sluice.Offset
	}
	resume := func(at place) (place, error) {
		from := sluice.At(at.Offset)
		if at.Epoch != q.Epoch() {
			from = sluice.Oldest() // a crash took values back: at.Offset may be another value by now
		}
		cur := q.Cursor(from)
		defer cur.Close()
		values, why := cur.Backlog(ctx)
		for v := range values {
			fmt.Print(v)
		}
		fmt.Println()
		return place{q.Epoch(), cur.Offset()}, why()
	}

	at, err := resume(place{q.Epoch(), 2})
	if err != nil {
		log.Fatal(err)
	}
	at.Epoch-- // as if the system had crashed
	if _, err = resume(at); err != nil {
		log.Fatal(err)
	}
	// Output:
	// cd
	// abcd
}

// A batch is there as a whole or not at all, also after a crash.
func ExampleDiskQueue_AppendAll() {
	dir := tempDir()
	defer os.RemoveAll(dir)
	q, err := diskq.Open(dir, diskq.Varint[int](), diskq.Options{Durability: diskq.Durable})
	if err != nil {
		log.Fatal(err)
	}
	defer q.Close()
	first, err := q.AppendAll(context.Background(), []int{7, 8, 9})
	fmt.Println(first, err)
	fmt.Println(q.Bounds())
	// Output:
	// 0 <nil>
	// 0 3
}

// Damage costs the value that it hits. A loop is told, and may go on.
func ExampleDiskQueue_Cursor_damage() {
	dir := tempDir()
	defer os.RemoveAll(dir)
	ctx := context.Background()
	q, err := diskq.Open(dir, diskq.String(), diskq.Options{})
	if err != nil {
		log.Fatal(err)
	}
	q.AppendAll(ctx, []string{"one", "two", "three"})
	q.Close()

	name := filepath.Join(dir, "00000000000000000000.seg")
	data, _ := os.ReadFile(name)
	for i := range data {
		if string(data[i:i+3]) == "two" {
			data[i] = 'T' // a bit flips
			break
		}
	}
	os.WriteFile(name, data, 0o600)

	q, err = diskq.Open(dir, diskq.String(), diskq.Options{})
	if err != nil {
		log.Fatal(err)
	}
	q.Close() // readers get what is there, then the end
	cur := q.Cursor(sluice.Oldest())
	defer cur.Close()
	for v, err := range cur.All(ctx) {
		if gap := (*sluice.CorruptError)(nil); errors.As(err, &gap) {
			fmt.Printf("values %d to %d are damaged\n", gap.From, gap.To-1)
			continue
		}
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(v)
	}
	// Output:
	// one
	// values 1 to 1 are damaged
	// three
}

// OpenReader reads a queue that another process has open.
func ExampleOpenReader() {
	dir := tempDir()
	defer os.RemoveAll(dir)
	ctx := context.Background()
	q, err := diskq.Open(dir, diskq.String(), diskq.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer q.Close()
	q.Append(ctx, "hello")

	r, err := diskq.OpenReader(dir, diskq.String(), diskq.ReaderOptions{})
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	cur := r.Cursor(sluice.Oldest())
	defer cur.Close()
	fmt.Println(cur.Next(ctx))
	// Output: hello <nil>
}

// Inspect looks at the files of a queue, and changes nothing.
func ExampleInspect() {
	dir := tempDir()
	defer os.RemoveAll(dir)
	q, err := diskq.Open(dir, diskq.String(), diskq.Options{})
	if err != nil {
		log.Fatal(err)
	}
	q.AppendAll(context.Background(), []string{"a", "b"})
	q.Close()

	report, err := diskq.Inspect(dir)
	if err != nil {
		log.Fatal(err)
	}
	for _, s := range report.Segments {
		fmt.Printf("%s: %d values, sealed: %v, codec %s\n", filepath.Base(s.Name), s.Records, s.Sealed, s.Codec)
	}
	fmt.Println("damage:", len(report.Damage))
	// Output:
	// 00000000000000000000.seg: 2 values, sealed: true, codec string
	// damage: 0
}
