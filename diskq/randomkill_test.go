package diskq_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-go/sluice/diskq"
	"github.com/sluice-go/sluice/internal/fsx"
)

// A killValue is a value that says by itself which one it is.
type killValue struct{ id, size int }

// killBytes is what values are cut from, behind their number.
var killBytes = sync.OnceValue(func() string {
	b := make([]byte, 3*piece)
	rand.NewChaCha8([32]byte{}).Read(b) // never fails
	return string(b)
})

func (v killValue) number() string {
	return string(binary.LittleEndian.AppendUint64(nil, uint64(v.id)))
}

func (v killValue) rest() string { return killBytes()[v.id%piece:][:v.size-8] }

func (v killValue) String() string { return v.number() + v.rest() }

func (v killValue) is(s string) bool {
	return len(s) == v.size && s[:8] == v.number() && s[8:] == v.rest()
}

// A death is what a killed process leaves, and what must be in it.
type death struct {
	where string
	files map[string][]byte
	safe  int         // at least so many values
	acked []killValue // but with Buffered all of these
	next  []killValue // and perhaps, all or none, those of the append under way
}

// A doomed queue is appended to by chance, around the ends of pieces, blocks and segments, while writes fail, room can't be taken and
// readers are in the way; it is killed again and again.
type doomed struct {
	r    *rand.Rand
	o    diskq.Options
	fs   *killFS
	q    *diskq.DiskQueue[string]
	made int
	free func() // lets go of the half that is pinned

	mu     sync.Mutex // the background may find that it dies, too
	dice   *rand.Rand
	alive  bool
	safe   int
	acked  []killValue
	next   []killValue
	deaths []death
}

// TestRandomKills: a process is killed at any write to a segment, when room is taken for a block, or between appends. Nothing that was
// acknowledged is lost or another, nothing that failed is there, and the epoch is the same.
func TestRandomKills(t *testing.T) {
	seeds, deaths := uint64(20), 0
	if *exhaustive {
		seeds = 1500
	}
	for seed := range seeds {
		d := &doomed{r: rand.New(rand.NewPCG(seed, 0)), dice: rand.New(rand.NewPCG(seed, 1)), free: func() {}}
		d.o = diskq.Options{
			Durability:   []diskq.Durability{diskq.Written, diskq.Written, diskq.Written, diskq.Buffered, diskq.Durable}[seed%5],
			SegmentBytes: []int64{270_000, 400_000, 530_000, 64 << 20}[d.r.IntN(4)],
			SyncEvery:    []time.Duration{-1, -1, 20 * time.Millisecond}[d.r.IntN(3)],
		}
		name := fmt.Sprintf("seed %d, %v, segments of %d", seed, d.o.Durability, d.o.SegmentBytes)
		synctest.Test(t, func(t *testing.T) {
			if err := d.run(t); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		})
		for _, dead := range d.deaths {
			synctest.Test(t, func(t *testing.T) {
				if err := dead.resurrect(t, d.o); err != nil {
					t.Fatalf("%s, killed %s: %v", name, dead.where, err)
				}
			})
		}
		deaths += len(d.deaths)
	}
	if deaths < 5*int(seeds) {
		t.Errorf("%d queues were killed %d times, want more", seeds, deaths)
	}
}

// run is two lives.
func (d *doomed) run(t *testing.T) (err error) {
	m := mapping()
	for range 2 {
		d.fs = &killFS{Mem: m, d: d, t: t}
		if d.q, err = diskq.Open(dir, diskq.String(), diskq.On(d.o, d.fs)); err != nil {
			return err
		}
		defer d.q.Close()
		if err := d.compare(); err != nil {
			return fmt.Errorf("opened: %w", err)
		}
		d.live(true)
		for range 12 {
			if err := d.step(t); err != nil {
				return err
			}
			synctest.Wait() // what goes on in the background is done, or waits for its time
		}
		d.free()
		d.fs.Inject(nil)
		if err := d.compare(); err != nil {
			return fmt.Errorf("at the end: %w", err)
		}
		if d.o.Durability != diskq.Buffered && d.r.IntN(2) == 0 {
			d.live(false)
			m = m.Kill()
			d.q.Close() // of a process that is no more: it fails, and ends what goes on in the background
		} else if err := d.q.Close(); err != nil {
			return err
		}
		d.live(false)
		d.safe = len(d.acked)
	}
	return nil
}

func (d *doomed) live(alive bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.alive = alive
}

func (d *doomed) step(t *testing.T) error {
	switch d.r.IntN(16) {
	case 0:
		d.free()
		d.free = func() {}
	case 1:
		d.free()
		d.free = diskq.PinSpareHalf(d.q)
	case 2:
		time.Sleep(time.Duration(d.r.IntN(30)) * time.Millisecond)
		synctest.Wait()
	case 3:
		err := []error{syscall.ENOSPC, &fsx.ShortWrite{N: d.r.IntN(300_000), Err: syscall.ENOSPC}}[d.r.IntN(2)]
		d.fs.Inject(fsx.Nth(int64(d.r.IntN(3)), err, fsx.OpWrite))
	case 4:
		d.fs.Inject(fsx.Nth(0, syscall.ENOSPC, fsx.OpPreallocate))
	case 5:
		d.fs.Inject(nil)
	case 6:
		if d.q.Sync(t.Context()) == nil {
			d.mu.Lock()
			d.safe = len(d.acked)
			d.mu.Unlock()
		}
	}
	if err := d.append(t); err != nil {
		return err
	}
	d.mayDie("between appends", 6)
	if d.r.IntN(3) > 0 {
		return nil
	}
	diskq.Turn(d.q) // an error is that of a write
	d.mayDie("in an append", 2)
	return d.compare()
}

func (d *doomed) append(t *testing.T) error {
	n := 1
	if d.r.IntN(4) == 0 {
		n = 1 + d.r.IntN(20)
	}
	var vs []string
	var next []killValue
	for range n {
		d.made++
		v := killValue{d.made, max(8, d.size(n))}
		next, vs = append(next, v), append(vs, v.String())
	}
	d.mu.Lock()
	d.next = next
	d.mu.Unlock()
	_, err := d.q.AppendAll(t.Context(), vs)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.next = nil
	switch {
	case err == nil:
		d.acked = append(d.acked, next...)
		if d.o.Durability == diskq.Durable {
			d.safe = len(d.acked)
		}
	case !errors.Is(err, syscall.ENOSPC):
		return err
	}
	return nil
}

// size returns how large a value of a batch of n is to be: often so that it ends, or the next begins, where something else ends.
func (d *doomed) size(n int) int {
	left := int(piece - diskq.End(d.q)%piece)
	if left < 9000 && d.r.IntN(2) == 0 { // what lies across may be a piece itself
		return (piece + d.r.IntN(9000)) / n
	}
	switch d.r.IntN(12) {
	case 0:
		return d.r.IntN(20)
	case 1, 2:
		return d.r.IntN(9000)
	case 3, 4:
		return left/n - d.r.IntN(100)
	case 5:
		return left/n - d.r.IntN(2000)
	case 6:
		return d.r.IntN(2*piece) / n
	}
	return d.r.IntN(1000)
}

// mayDie takes note of what is left of the process if it is killed now, one time in so many.
func (d *doomed) mayDie(where string, of int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.alive && d.dice.IntN(of) == 0 {
		d.deaths = append(d.deaths, death{where, filesOf(d.fs.t, d.fs.Mem), d.safe, d.acked, d.next})
	}
}

// compare reads everything.
func (d *doomed) compare() error {
	dead := death{acked: d.acked, safe: len(d.acked)}
	return dead.compare(d.q)
}

func (dead death) compare(q *diskq.DiskQueue[string]) error {
	all := slices.Concat(dead.acked, dead.next)
	r, err := readAll(q)
	switch n := int(r.next); {
	case err != nil || len(r.gaps) > 0:
		return fmt.Errorf("gaps %v, %w", r.gaps, err)
	case n < dead.safe || n > len(all), n > len(dead.acked) && n < len(all):
		return fmt.Errorf("%d values, want %d, and at most %d", n, dead.safe, len(all))
	case len(r.values) != n:
		return fmt.Errorf("%d values of %d", len(r.values), n)
	}
	for off, v := range r.values {
		if !all[off].is(v) {
			return fmt.Errorf("value %d of %d is another one, of %d bytes: %.20q, want %d", off, r.next, len(v), v, all[off].size)
		}
	}
	return nil
}

// resurrect opens what is left, twice: also when something was appended to it.
func (dead death) resurrect(t *testing.T, o diskq.Options) error {
	if o.Durability != diskq.Buffered {
		dead.safe = len(dead.acked)
	}
	m := diskWith(t, dead.files)
	for i := range 2 {
		q, err := diskq.Open(dir, diskq.String(), diskq.On(o, m))
		if err != nil {
			return err
		}
		defer q.Close()
		if q.Stats().Recovery.NewEpoch && i == 0 && o.Durability != diskq.Buffered {
			return errors.New("the epoch is another")
		}
		if err := dead.compare(q); err != nil {
			return err
		}
		_, next := q.Bounds()
		more := killValue{0, 100}
		dead.acked, dead.next = append(slices.Concat(dead.acked, dead.next)[:next], more), nil
		dead.safe = len(dead.acked)
		if _, err := q.Append(t.Context(), more.String()); err != nil {
			return err
		}
		if err := q.Close(); err != nil {
			return err
		}
	}
	return nil
}

// A killFS lets a doomed queue die before and behind what it does to its last segment. What seals the others goes on meanwhile, and may be
// anywhere.
type killFS struct {
	*fsx.Mem
	d *doomed
	t *testing.T

	mu   sync.Mutex
	last string
}

func (k *killFS) OpenFile(name string, flag int, perm fs.FileMode) (fsx.File, error) {
	f, err := k.Mem.OpenFile(name, flag, perm)
	if err != nil || !strings.HasSuffix(name, ".seg") {
		return f, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.last = max(k.last, name)
	return killFile{f, k}, nil
}

type killFile struct {
	fsx.File
	fs *killFS
}

func (f killFile) mayDie(where string) {
	f.fs.mu.Lock()
	last := f.Name() == f.fs.last
	f.fs.mu.Unlock()
	if last {
		f.fs.d.mayDie(where, 6)
	}
}

func (f killFile) WriteAt(b []byte, off int64) (int, error) {
	f.mayDie("before a write")
	n, err := f.File.WriteAt(b, off)
	f.mayDie("behind a write")
	return n, err
}

func (f killFile) Preallocate(from, to int64) error {
	f.mayDie("before room is taken")
	return f.File.Preallocate(from, to)
}

func (f killFile) Truncate(size int64) error {
	err := f.File.Truncate(size)
	f.mayDie("behind a truncation")
	return err
}
