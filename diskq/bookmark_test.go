package diskq_test

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/diskq"
	"github.com/sluice-go/sluice/internal/fsx"
)

const positions = dir + "/consumer-c.pos"

const slotSize = 20480

// A position that is torn at any byte, or has any bit flipped, is the one before, or is told to be damaged; and never one
// that passes over a value.
func TestDamagedPositions(t *testing.T) {
	m := newMem()
	q := open(t, m, diskq.Options{})
	add(t, q, values(20)...)
	c := consume(t, q, diskq.ConsumerOptions{SaveAfter: 1, SaveEvery: -1})
	for i := range 10 {
		must(t, receive(t, c, sluice.Offset(i), 1).Ack())
		if i == 4 {
			must(t, c.Commit(t.Context()))
		}
	}
	must(t, receive(t, c, 10, 1).Nack(time.Hour))
	must(t, receive(t, c, 11, 1).Ack())
	must(t, q.Sync(t.Context()))
	m = m.Kill()
	data, err := fsx.ReadFile(m, positions)
	must(t, err)
	check := func(what string, damaged []byte, want int64) {
		must(t, fsx.WriteFile(m, positions, damaged))
		q, err := diskq.Open(dir, diskq.String(), diskq.On(diskq.Options{}, m))
		if err != nil {
			t.Fatalf("%s: Open() = %v", what, err)
		}
		c, err := q.Consumer("c", diskq.ConsumerOptions{})
		if err != nil {
			t.Fatalf("%s: Consumer() = %v", what, err)
		}
		if s := c.Stats(); s.Depth != want || s.Damaged != (want == 20) {
			t.Errorf("%s: Depth %d, Damaged %v, want %d", what, s.Depth, s.Damaged, want)
		}
		m = m.Kill()
		q.Close()
	}
	check("whole", data, 9)
	newest := bySeq(data)
	for i, slot := range newest {
		end := 64 + marks(data, slot)
		for at := range slotSize {
			if at > end && at%997 != 0 {
				continue // the room between
			}
			want := int64(9)
			if i == 0 && at < end {
				want = 10 // without the newest it is the one before
			}
			for _, bit := range []byte{1, 0x80} {
				b := slices.Clone(data)
				b[slot*slotSize+at] ^= bit
				check(fmt.Sprintf("slot %d, byte %d ^ %#x", slot, at, bit), b, want)
			}
		}
	}
	without := func(slots ...int) []byte {
		b := slices.Clone(data)
		for _, slot := range slots {
			clear(b[slot*slotSize:][:slotSize])
		}
		return b
	}
	check("without the newest", without(newest[0]), 10)
	check("without the newest two", without(newest[:2]...), 15) // that is what was committed
	check("zeros", without(newest...), 20)
	check("nothing", nil, 20)
	for slot := range newest {
		for _, n := range []int{0, 1, 63, 64} {
			var left []int // slots that are whole
			for _, s := range newest {
				if s < slot || s == slot && n == 64 && marks(data, s) == 0 {
					left = append(left, s)
				}
			}
			want := int64(20)
			if len(left) > 0 {
				want = []int64{9, 10, 15}[slices.Index(newest, left[0])]
			}
			check(fmt.Sprintf("cut at slot %d, byte %d", slot, n), data[:slot*slotSize+n], want)
		}
	}
}

// bySeq returns which slots there are, the newest first.
func bySeq(data []byte) []int {
	found := []int{0, 1, 2}
	slices.SortFunc(found, func(a, b int) int {
		return cmp.Compare(binary.LittleEndian.Uint64(data[b*slotSize+16:]), binary.LittleEndian.Uint64(data[a*slotSize+16:]))
	})
	return found
}

// marks returns how many marks a slot has.
func marks(data []byte, slot int) int {
	return int(binary.LittleEndian.Uint32(data[slot*slotSize+12:]))
}

// A process may end in the middle of a write to the file of a position, which the system then leaves half done. What was
// saved before is there all the same.
func TestKilledInTheMiddleOfASave(t *testing.T) {
	for n := range 70 {
		m := newMem()
		q := open(t, m, diskq.Options{})
		add(t, q, values(20)...)
		c := consume(t, q, diskq.ConsumerOptions{SaveAfter: 1, SaveEvery: -1})
		receive(t, c, 0, 1) // so there are marks
		for i := 1; i < 10; i++ {
			must(t, receive(t, c, sluice.Offset(i), 1).Ack())
		}
		m.Inject(func(call fsx.Call) error {
			if call.Op == fsx.OpWrite && call.Name == positions {
				return &fsx.ShortWrite{N: n, Err: syscall.EINTR}
			}
			return nil
		})
		if err := receive(t, c, 10, 1).Ack(); err == nil {
			t.Fatalf("Ack() = nil, and %d bytes of the position were written", n)
		}
		m = m.Kill()
		q.Close()
		q = open(t, m, diskq.Options{})
		c = consume(t, q, diskq.ConsumerOptions{})
		depth(t, c, 11, 0)
		must(t, q.Close())
	}
}

func TestUnknownVersionOfAPosition(t *testing.T) {
	m := newMem()
	q := open(t, m, diskq.Options{})
	c := consume(t, q, diskq.ConsumerOptions{})
	must(t, c.Close())
	must(t, q.Close())
	data, err := fsx.ReadFile(m, positions)
	must(t, err)
	must(t, fsx.WriteFile(m, positions, diskq.FutureSlot(data)))
	if _, err := diskq.Open(dir, diskq.String(), diskq.On(diskq.Options{}, m)); err == nil || !strings.Contains(err.Error(), "version 3") {
		t.Errorf("Open() with a position of a later version = %v, want an error that says so", err)
	}
}

// A position file of version 1 has two slots, and is read. Nothing of that version is left when the consumer is open: a program
// that knows two slots must never take an old one of them for the position. What was saved is there after a power cut at once.
func TestPositionsOfVersion1(t *testing.T) {
	for newer := range 2 {
		m := newMem()
		q := open(t, m, diskq.Options{Durability: diskq.Durable})
		add(t, q, values(20)...)
		consume(t, q, diskq.ConsumerOptions{})
		must(t, q.Close())
		must(t, fsx.WriteFile(m, positions, diskq.OldPosition(newer, 2, 5, []byte{1, 255, 0, 255}))) // 6 and 8 are settled
		q = open(t, m, diskq.Options{Durability: diskq.Durable})
		c := consume(t, q, diskq.ConsumerOptions{})
		depth(t, c, 13, 0)
		check := func(when string, want ...uint32) {
			t.Helper()
			data, err := fsx.ReadFile(m, positions)
			must(t, err)
			if got := diskq.SlotVersions(data); !slices.Equal(got, want) {
				t.Errorf("newer %d, %s: the slots are of versions %v, want %v", newer, when, got, want)
			}
		}
		check("opened", 2, 0, 0)
		m = m.PowerCut(1)
		q.Close()
		q = open(t, m, diskq.Options{})
		c = consume(t, q, diskq.ConsumerOptions{SaveAfter: 1, SaveEvery: -1})
		depth(t, c, 13, 0)
		must(t, receive(t, c, 5, 2).Ack())
		must(t, receive(t, c, 7, 1).Ack())
		check("saved", 2, 2, 2)
		m = m.Kill()
		q.Close()
		q = open(t, m, diskq.Options{})
		c = consume(t, q, diskq.ConsumerOptions{})
		depth(t, c, 11, 0)
		must(t, q.Close())
	}
}

// What was saved every SaveAfter is there after a kill, what was saved every SaveEvery also after a power cut.
func TestPositionsAreSavedByPolicy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMem()
		q := open(t, m, diskq.Options{Durability: diskq.Durable})
		add(t, q, values(20)...)
		o := diskq.ConsumerOptions{SaveAfter: 4, SaveEvery: time.Minute}
		c := consume(t, q, o)
		for i := range 6 {
			must(t, receive(t, c, sluice.Offset(i), 1).Ack())
		}
		m = m.Kill()
		q.Close()
		q = open(t, m, diskq.Options{Durability: diskq.Durable})
		c = consume(t, q, o)
		depth(t, c, 16, 0)
		must(t, receive(t, c, 4, 1).Ack())
		time.Sleep(2 * time.Minute)
		must(t, receive(t, c, 5, 1).Ack())
		m = m.PowerCut(1)
		q.Close()
		q = open(t, m, diskq.Options{Durability: diskq.Durable})
		c = consume(t, q, o)
		if got := c.Depth(); got != 15 {
			t.Errorf("Depth() after a power cut = %d, want 15", got)
		}
		must(t, q.Close())
	})
}

// Whatever operation on a position's file fails, the consumer goes on, and says so; and what Commit said is there after a crash.
func TestPositionFaults(t *testing.T) {
	for _, windows := range []bool{false, true} {
		for n := int64(0); ; n++ {
			failed := false
			m := fsx.NewMem(fsx.MemOptions{Windows: windows})
			q := open(t, m, diskq.Options{Durability: diskq.Durable})
			add(t, q, values(12)...)
			c := consume(t, q, diskq.ConsumerOptions{SaveAfter: 2, SaveEvery: -1})
			left := n
			m.Inject(func(call fsx.Call) error {
				if !strings.Contains(call.Name, "consumer-") && call.Op != fsx.OpSyncDir {
					return nil
				}
				if left--; left == -1 || left == -2 {
					failed = true
					return syscall.EIO
				}
				return nil
			})
			committed := 0
			for i := range 12 {
				receive(t, c, sluice.Offset(i), 1).Ack() // an error is one of the save
				if i%3 == 2 && c.Commit(t.Context()) == nil {
					committed = i + 1
				}
			}
			m.Inject(nil)
			depth(t, c, 0, 0)
			after := m.PowerCut(uint64(n))
			q.Close()
			q = open(t, after, diskq.Options{})
			c = consume(t, q, diskq.ConsumerOptions{})
			if got := c.Depth(); got > int64(12-committed) {
				t.Errorf("windows %v, fault %d: Depth() = %d after a power cut, want at most %d", windows, n, got, 12-committed)
			}
			must(t, q.Close())
			if !failed {
				break
			}
		}
	}
}

// A crash that takes values takes their acknowledgements too, also those of consumers that nobody opens: their offsets are
// given again.
func TestPositionsAreMovedBack(t *testing.T) {
	moved := 0
	for seed := range uint64(20) {
		m := newMem()
		q := open(t, m, diskq.Options{SyncEvery: -1})
		add(t, q, values(20)...)
		for _, name := range []string{"c", "unopened"} {
			c, err := q.Consumer(name, diskq.ConsumerOptions{})
			must(t, err)
			for i := range 20 {
				if d := receive(t, c, sluice.Offset(i), 1); i != 5 {
					must(t, d.Ack())
				}
			}
			must(t, c.Commit(t.Context()))
		}
		m = m.PowerCut(seed)
		q.Close()
		q = open(t, m, diskq.Options{})
		_, next := q.Bounds()
		if next < 20 {
			moved++
		}
		add(t, q, values(30)[next:]...)
		m = m.PowerCut(seed) // before anybody opened a consumer
		q.Close()
		q = open(t, m, diskq.Options{})
		_, end := q.Bounds()
		for _, name := range []string{"c", "unopened"} {
			c, err := q.Consumer(name, diskq.ConsumerOptions{})
			must(t, err)
			var want []sluice.Offset
			if end > 5 && next > 5 {
				want = append(want, 5)
			}
			for off := next; off < end; off++ {
				want = append(want, off)
			}
			if got := c.Depth(); got != int64(len(want)) {
				t.Fatalf("seed %d: Depth() = %d, want %d", seed, got, len(want))
			}
			for _, off := range want {
				if d, err := c.Receive(t.Context()); d.Offset != off || err != nil {
					t.Fatalf("seed %d: Receive() = %d, %v, want %d", seed, d.Offset, err, off)
				}
			}
		}
		must(t, q.Close())
	}
	if moved == 0 {
		t.Error("no power cut took anything")
	}
}

func TestMovingBackIsTold(t *testing.T) {
	for seed := range uint64(100) {
		m := newMem()
		q := open(t, m, diskq.Options{SyncEvery: -1})
		add(t, q, values(8)...)
		c := consume(t, q, diskq.ConsumerOptions{})
		for i := range 8 {
			must(t, receive(t, c, sluice.Offset(i), 1).Ack())
		}
		must(t, c.Commit(t.Context()))
		m = m.PowerCut(seed)
		q.Close()
		q = open(t, m, diskq.Options{})
		_, next := q.Bounds()
		s := q.Stats().Consumers[0]
		if s.Name != "c" || s.Open || s.Position != next || s.Depth != 0 || s.MovedBack != int64(8-next) {
			t.Fatalf("seed %d: Stats().Consumers[0] = %+v, want it moved back by %d", seed, s, 8-next)
		}
		must(t, q.Close())
		if next < 8 {
			return
		}
	}
	t.Error("no power cut took anything")
}

// What was committed is there after a power cut, though the slots are large, and the one that is written may be in shreds.
func TestTornPositionsCostNothingCommitted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for seed := range uint64(6) {
			m := newMem()
			q := open(t, m, diskq.Options{Durability: diskq.Buffered})
			const n = 6000
			if _, err := q.AppendAll(t.Context(), values(n)); err != nil {
				t.Fatal(err)
			}
			must(t, q.Sync(t.Context()))
			c := consume(t, q, diskq.ConsumerOptions{SaveAfter: 1000, SaveEvery: -1})
			receive(t, c, 0, 1) // it holds the position back
			committed := 0
			for i := 1; i < n; i++ {
				must(t, receive(t, c, sluice.Offset(i), 1).Ack())
				if i%2500 == int(seed) {
					must(t, c.Commit(t.Context()))
					committed++
				}
			}
			m = m.PowerCut(seed)
			q.Close()
			q = open(t, m, diskq.Options{})
			s := q.Stats().Consumers[0]
			if s.Damaged || s.Depth > int64(n-2500*(committed-1)) {
				t.Fatalf("seed %d: %+v after %d commits", seed, s, committed)
			}
			must(t, q.Close())
		}
	})
}
