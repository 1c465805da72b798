package diskq_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/diskq"
	"github.com/sluice-go/sluice/internal/fsx"
)

// Memory that the system can't provide, here because somebody cut the file, is an error of the queue, and not the end of the
// process. What had been written is there when it is opened again.
func TestFaultInTheTail(t *testing.T) {
	dir, q := openMapped(t)
	add(t, q, "safe")
	must(t, q.Sync(t.Context()))
	add(t, q, "perhaps")
	needMapped(t, q)
	must(t, os.Truncate(filepath.Join(dir, "TAIL"), 0))
	for range 2 {
		if _, err := q.Append(t.Context(), "x"); err == nil || !strings.Contains(err.Error(), "must be opened again") {
			t.Fatalf("Append() = %v, want an error that says what to do", err)
		}
		if diskq.Failure(q) == nil {
			t.Fatal("the queue has not failed")
		}
	}
	c := q.Cursor(sluice.Oldest())
	defer c.Close()
	var err error
	for err == nil {
		_, err = c.Next(t.Context())
	}
	if errors.Is(err, sluice.ErrClosed) {
		t.Errorf("Next() = %v, want the fault", err)
	}
	if q.Close() == nil {
		t.Error("Close() = nil, want an error")
	}
	q, err = diskq.Open(dir, diskq.String(), diskq.Options{})
	must(t, err)
	defer q.Close()
	if r, err := readAll(q); err != nil || r.values[0] != "safe" || !q.Stats().Recovery.NewEpoch {
		t.Errorf("%v, %v, new epoch %v: want %q at 0, nil, true", r.values, err, q.Stats().Recovery.NewEpoch, "safe")
	}
}

// osFaults is the real file system with syncs that fail when told to.
type osFaults struct {
	fsx.OS
	broken atomic.Bool
}

func (o *osFaults) OpenFile(name string, flag int, perm fs.FileMode) (fsx.File, error) {
	f, err := o.OS.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return osFaultFile{f, o}, nil
}

type osFaultFile struct {
	fsx.File
	o *osFaults
}

func (f osFaultFile) Sync() error {
	if f.o.broken.Load() {
		return syscall.EIO
	}
	return f.File.Sync()
}

// needMapped ends the test if the queue does not use its TAIL, as where no room can be taken ahead.
func needMapped(t *testing.T, q *diskq.DiskQueue[string]) {
	t.Helper()
	_, mapped, leave := diskq.EnterTail(q)
	leave()
	if !mapped {
		t.Skip("no room can be taken here")
	}
}

// openMapped opens a queue in a directory where files can be mapped, or ends the test.
func openMapped(t *testing.T) (dir string, q *diskq.DiskQueue[string]) {
	t.Helper()
	dir = t.TempDir()
	needMap(t, dir)
	q, err := diskq.Open(dir, diskq.String(), diskq.Options{SyncEvery: -1})
	must(t, err)
	t.Cleanup(func() { q.Close() })
	return dir, q
}

// needMap ends the test if no file can be mapped in that directory.
func needMap(t *testing.T, dir string) {
	t.Helper()
	m, err := (fsx.OS{}).MapFile(filepath.Join(dir, "probe"), 10)
	if err != nil {
		t.Skipf("files can't be mapped here: %v", err)
	}
	must(t, m.Close())
	must(t, os.Remove(filepath.Join(dir, "probe")))
}

// A queue failed (fsync), was closed and opened again, as its error says. A cursor of the first one, which may be read to the end
// after Close, must not get the values of the second.
func TestCursorOfAFailedQueue(t *testing.T) {
	dir := t.TempDir()
	needMap(t, dir)
	faults := &osFaults{}
	q1, err := diskq.Open(dir, diskq.String(), diskq.On(diskq.Options{SyncEvery: -1}, faults))
	must(t, err)
	for i := range 5 {
		add(t, q1, fmt.Sprintf("first %d", i))
	}
	c := q1.Cursor(sluice.Oldest())
	defer c.Close()
	faults.broken.Store(true)
	if q1.Sync(t.Context()) == nil || q1.Close() == nil {
		t.Fatal("no error")
	}
	q2, err := diskq.Open(dir, diskq.String(), diskq.Options{SyncEvery: -1})
	must(t, err)
	defer q2.Close()
	for i := range 5 {
		add(t, q2, fmt.Sprintf("other %d", i))
	}
	for i := range 5 {
		v, err := c.Next(t.Context())
		if err != nil {
			t.Fatalf("value %d: %v", i, err)
		}
		if v != fmt.Sprintf("first %d", i) {
			t.Errorf("value %d is %q, want %q", i, v, fmt.Sprintf("first %d", i))
		}
	}
}

// Damage in the memory of a mapped file is damage, as anywhere: a page that was written, evicted and read back may differ.
func TestDamageInMappedMemoryIsTold(t *testing.T) {
	dir, q := openMapped(t)
	add(t, q, "aaaa", "bbbb", "cccc")
	f, err := os.OpenFile(filepath.Join(dir, "TAIL"), os.O_RDWR, 0)
	must(t, err)
	data, err := os.ReadFile(f.Name())
	must(t, err)
	needMapped(t, q)
	at := bytes.Index(data, []byte("bbbb"))
	_, err = f.WriteAt([]byte("X"), int64(at))
	must(t, err)
	must(t, f.Close())
	r, err := readAll(q)
	if v, ok := r.values[1]; ok && v != "bbbb" {
		t.Errorf("value 1 is %q, gaps %v, %v: want damage", v, r.gaps, err)
	}
}

// Damage in the memory of a mapped file, before the sync point that says the checksum of its run, is not in that checksum.
func TestDamageInMappedMemoryIsNotSummed(t *testing.T) {
	dir, q := openMapped(t)
	for i := range 400 {
		add(t, q, value(i)+strings.Repeat("v", 100))
	}
	f, err := os.OpenFile(filepath.Join(dir, "TAIL"), os.O_RDWR, 0)
	must(t, err)
	data, err := os.ReadFile(f.Name())
	must(t, err)
	needMapped(t, q)
	at := bytes.Index(data, []byte(value(200)+"v"))
	_, err = f.WriteAt([]byte("X"), int64(at+len(value(200))+5))
	must(t, err)
	must(t, f.Close())
	for i := 400; i < 2000; i++ {
		add(t, q, value(i)+strings.Repeat("v", 100))
	}
	must(t, q.Close())
	q, err = diskq.Open(dir, diskq.String(), diskq.Options{})
	must(t, err)
	r, err := readAll(q)
	if v, ok := r.values[200]; ok && v != value(200)+strings.Repeat("v", 100) {
		t.Errorf("value 200 is %q, gaps %v, %v: want damage", v, r.gaps, err)
	}
	must(t, q.Close())
}

// What was acknowledged is written to the segment though the memory of the TAIL can't be had any more. Only the next append finds it.
func TestFaultWhileWriting(t *testing.T) {
	at, q := openMapped(t)
	add(t, q, "safe")
	must(t, q.Sync(t.Context()))
	add(t, q, "perhaps")
	needMapped(t, q)
	must(t, os.Truncate(filepath.Join(at, "TAIL"), 0))
	must(t, q.Sync(t.Context()))
	if _, err := q.Append(t.Context(), "x"); err == nil || !strings.Contains(err.Error(), "must be opened again") {
		t.Errorf("Append() = %v, want an error that says what to do", err)
	}
	q.Close()
	q, err := diskq.Open(at, diskq.String(), diskq.Options{})
	must(t, err)
	defer q.Close()
	if r, err := readAll(q); err != nil || r.next != 2 || r.values[1] != "perhaps" {
		t.Errorf("%v, %v: want %q at 1, nil", r.values, err, "perhaps")
	}
}

func mappedTails(t *testing.T, dir string) int {
	maps, err := os.ReadFile("/proc/self/maps")
	must(t, err)
	return strings.Count(string(maps), dir+"/TAIL")
}

// Close gives the memory back.
func TestCloseUnmaps(t *testing.T) {
	dir, q := openMapped(t)
	add(t, q, values(100)...)
	if mappedTails(t, dir) == 0 {
		t.Fatal("nothing is mapped")
	}
	must(t, q.Close())
	if n := mappedTails(t, dir); n != 0 {
		t.Errorf("%d mappings are left", n)
	}
}

// A block that a reader is in is not used again, and its memory not given back, until he leaves.
func TestReaderInABlock(t *testing.T) {
	dir, q := openMapped(t)
	add(t, q, values(100)...)
	look, mapped, leave := diskq.EnterTail(q)
	if !mapped {
		t.Skip("no block of it is mapped")
	}
	before := look()
	for range 30 {
		add(t, q, strings.Repeat("z", 50_000))
	}
	if !bytes.Equal(look(), before) {
		t.Fatal("a block was used again with a reader in it")
	}
	must(t, q.Close())
	if !bytes.Equal(look(), before) {
		t.Fatal("a block was taken away from its reader")
	}
	leave()
	look = nil
	leave = nil
	for late := time.Now().Add(time.Minute); mappedTails(t, dir) > 0; runtime.GC() { // it is given back by a goroutine of the collector's
		if time.Now().After(late) {
			t.Fatalf("%d mappings are left", mappedTails(t, dir))
		}
	}
}
