package replay_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/internal/fsx"
	"github.com/sluice-go/sluice/replay"
)

// Memory follows what was written: at most a twentieth more, whatever the size of the buffer and of the writes.
func TestBufferHoldsLittleMore(t *testing.T) {
	for _, piece := range []int{1, 100, 1500, 32 << 10, 300_000} {
		b := replay.NewBuffer(replay.BufferOptions{})
		data := content(piece)
		for written := int64(0); written < 3<<20; written += int64(piece) {
			if write(t, b, data); written > 2000 && written&(written-1) > written/50 {
				continue // not each time
			}
			if got, most := held(b), max(b.Len()*21/20+8<<10, b.Len()+1<<10); got > most {
				t.Fatalf("%d bytes in writes of %d: the chunks hold %d, want %d at most", b.Len(), piece, got, most)
			}
		}
	}
}

// A limit holds at every moment: MaxBytes and an eighth, and 16 KiB; SpillBytes, and what the allocator rounds up.
func TestBufferHoldsWhatItsOptionsSay(t *testing.T) {
	for _, kept := range []int64{1, 1000, 25_000, 600_000, 16 * 40_961} {
		for _, piece := range []int{1, 100, 5000, 300_000} {
			disk := fsx.NewMem(fsx.MemOptions{})
			limited := replay.NewBufferOn(disk, replay.BufferOptions{MaxBytes: kept})
			spilling := replay.NewBufferOn(disk, replay.BufferOptions{SpillBytes: kept, Dir: "/"})
			data := content(piece)
			for written := int64(0); written < min(2*kept, 1000*int64(piece))+int64(piece); written += int64(piece) {
				write(t, limited, data)
				write(t, spilling, data)
				if got, most := held(limited), kept*9/8+16<<10; got > most {
					t.Fatalf("MaxBytes %d, writes of %d: the chunks hold %d, want %d at most", kept, piece, got, most)
				}
				if got, most := held(spilling), kept*21/20+8<<10; got > most {
					t.Fatalf("SpillBytes %d, writes of %d: the chunks hold %d, want %d at most", kept, piece, got, most)
				}
			}
			spilling.Abort(nil)
			if err := spilling.Remove(); err != nil {
				t.Errorf("Remove() = %v, want nil", err)
			}
		}
	}
}

// held returns how many bytes the chunks of b have room for.
func held(b *replay.Buffer) (n int64) {
	for _, size := range replay.ByteChunks(b) {
		n += int64(size)
	}
	return n
}

// The claim of 5 %, as the collector sees it.
func TestBufferHeapInUse(t *testing.T) {
	before := heapInUse()
	b := replay.NewBuffer(replay.BufferOptions{})
	data := content(100)
	for range 100_000 {
		write(t, b, data)
	}
	if held := heapInUse() - before; held > b.Len()*105/100 {
		t.Errorf("a buffer of %d bytes takes %d, want 5 %% more at most", b.Len(), held)
	}
	runtime.KeepAlive(b)
}

// A buffer with MaxBytes holds no more than that and an eighth, and a reader that stalls none of what is dropped behind it.
func TestBufferRetentionBoundsMemory(t *testing.T) {
	before := heapInUse()
	b := replay.NewBuffer(replay.BufferOptions{MaxBytes: 4 << 20})
	data := content(1000)
	stalled := b.NewReader()
	defer stalled.Close()
	write(t, b, data)
	stalled.Read(make([]byte, 1))
	for range 30_000 {
		write(t, b, data)
	}
	if held := heapInUse() - before; held > 5<<20 {
		t.Errorf("a buffer with MaxBytes of 4 MiB takes %d KiB", held>>10)
	}
	first := b.Len() - 4<<20
	_, err := stalled.Read(make([]byte, 1))
	if lag, ok := err.(*sluice.LagError); !ok || lag.From != 1 || int64(lag.To) != first {
		t.Errorf("Read() of the stalled reader = _, %v, want a LagError from 1 to %d", err, first)
	}
	p := make([]byte, 1)
	if _, err := stalled.Read(p); err != nil || p[0] != data[first%1000] {
		t.Errorf("Read() behind the gap = %v, %v, want %v, nil", p, err, data[first%1000])
	}
}

// Removing a buffer frees it, though it is still referred to.
func TestRemoveFreesMemory(t *testing.T) {
	before := heapInUse()
	b := replay.NewBuffer(replay.BufferOptions{})
	write(t, b, make([]byte, 8<<20))
	b.Close()
	if err := b.Remove(); err != nil {
		t.Errorf("Remove() = %v, want nil", err)
	}
	if held := heapInUse() - before; held > 1<<20 {
		t.Errorf("a removed buffer takes %d KiB", held>>10)
	}
	runtime.KeepAlive(b)
}

// While a buffer with a limit is written as fast as can be, in memory and round and round in a file, its readers get the right
// bytes or a gap, and what they got and missed is all.
func TestBufferRetentionUnderLoad(t *testing.T) {
	for name, o := range map[string]replay.BufferOptions{
		"memory": {MaxBytes: 20_000},
		"file":   {MaxBytes: 20_000, SpillBytes: 1000, Dir: t.TempDir()},
	} {
		t.Run(name, func(t *testing.T) {
			b := replay.SmallBlocks(replay.NewBuffer(o))
			data := content(1 << 20)
			var wg sync.WaitGroup
			var missed [4]int64
			for i := range missed {
				r := b.NewReader()
				wg.Go(func() {
					defer r.Close()
					missed[i] = readWithGaps(t, r, data)
				})
			}
			writeAll(t, b, data)
			b.Close()
			wg.Wait()
			t.Logf("missed: %d", missed)
			if err := b.Remove(); err != nil {
				t.Errorf("Remove() = %v, want nil", err)
			}
		})
	}
}

func readWithGaps(t testing.TB, r *replay.BufferReader, data []byte) (missed int64) {
	p := make([]byte, 700)
	for at := int64(0); ; {
		n, err := r.Read(p)
		if !bytes.Equal(p[:n], data[at:at+int64(n)]) {
			t.Errorf("%d bytes at %d are wrong", n, at)
			return missed
		}
		at += int64(n)
		var lag *sluice.LagError
		switch {
		case errors.As(err, &lag) && int64(lag.From) == at && n == 0:
			missed += lag.Missed()
			at = int64(lag.To)
		case err == io.EOF && at == int64(len(data)):
			return missed
		case err != nil:
			t.Errorf("Read() at %d = %d, %v, want bytes or a gap from there", at, n, err)
			return missed
		}
	}
}

func TestBufferAllocations(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	file, err := replay.CreateBuffer(filepath.Join(t.TempDir(), "b"))
	if err != nil {
		t.Fatal(err)
	}
	removeLater(t, file)
	for name, b := range map[string]*replay.Buffer{"memory": replay.NewBuffer(replay.BufferOptions{}), "file": file} {
		p := make([]byte, 100)
		s := string(p)
		for range 60_000 { // past the small chunks, and round the blocks
			b.Write(p)
		}
		for what, allowed := range map[string]float64{"Write": 1, "WriteString": 1} { // 2 for each chunk of 2600
			got := testing.AllocsPerRun(10, func() {
				for range 1000 {
					if what == "Write" {
						b.Write(p)
					} else {
						b.WriteString(s)
					}
				}
			})
			if got > allowed {
				t.Errorf("%s: 1000 calls of %s allocate %v times, want a chunk now and then", name, what, got)
			}
		}
		r := b.NewReader()
		defer r.Close()
		large := make([]byte, 1000)
		for what, do := range map[string]func(){
			"Read":   func() { r.Read(large) },
			"ReadAt": func() { r.ReadAt(large, 70_000) },
			"Seek":   func() { r.Seek(5, io.SeekStart) },
		} {
			if got := testing.AllocsPerRun(100, do); got != 0 {
				t.Errorf("%s: %s allocates %v times, want 0", name, what, got)
			}
		}
	}
}

// Reading what is waited for allocates nothing either, woken or napping.
func TestBufferWaitingAllocatesNothing(t *testing.T) {
	there, back := replay.NewBuffer(replay.BufferOptions{MaxBytes: 1000}), replay.NewBuffer(replay.BufferOptions{MaxBytes: 1000})
	done := make(chan struct{})
	go func() {
		defer close(done)
		r := there.NewReader()
		defer r.Close()
		if _, err := io.Copy(back, struct{ io.Reader }{r}); err != nil {
			t.Errorf("Copy() = _, %v, want nil", err)
		}
	}()
	r := back.NewReader()
	defer r.Close()
	p := make([]byte, 10)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	got := testing.AllocsPerRun(200, func() {
		there.Write(p[:1])
		r.ReadContext(ctx, p)
	})
	there.Close()
	<-done
	if got > 0 {
		t.Errorf("a byte there and back allocates %v times, want 0", got)
	}
}

// A trickle is not held up by more than the nap, and a question and its answer not at all: a fake clock shows it.
func TestWakingIsBounded(t *testing.T) {
	inEveryBubble(t, func(t *testing.T, b *replay.Buffer) {
		r := b.NewReader()
		defer r.Close()
		slow := false
		for i := range 100 {
			if i%7 == 0 { // two at once make a trickle
				write(t, b, []byte("x"))
				wantResult(t, read(t.Context(), r, 1), "x", nil)
			}
			start := time.Now()
			done := read(t.Context(), r, 1)
			synctest.Wait()
			write(t, b, []byte("x"))
			if got := <-done; got.got != "x" || got.err != nil {
				t.Fatalf("Read() = %v", got)
			}
			took := time.Since(start)
			if took > replay.NapTime || i%7 > 1 && took > 0 {
				t.Errorf("read %d took %v", i, took)
			}
			slow = slow || took > 0
		}
		if !slow {
			t.Error("no read napped: nothing was tested")
		}
	})
}

// One that nobody closes is closed when it is collected, and lets go of the file.
func TestForgottenReader(t *testing.T) {
	b, err := replay.CreateBuffer(filepath.Join(t.TempDir(), "b"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, b, []byte("abc"))
	func() { b.NewReader().Read(make([]byte, 1)) }()
	b.Close()
	if err := b.Remove(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); replay.FileName(b) != ""; runtime.Gosched() {
		if runtime.GC(); time.Now().After(deadline) {
			t.Fatal("the file of a removed buffer is still there: its reader was not closed")
		}
	}
}
