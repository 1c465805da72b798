package diskq_test

import (
	"bytes"
	"errors"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluice-go/sluice/diskq"
	"github.com/sluice-go/sluice/internal/fsx"
)

// Close returns nil, and nothing is lost: the epoch stays, though there is no room for the mark.
func TestEpochAfterCloseOnAFullDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := mapping()
		o := diskq.Options{SyncEvery: -1}
		q := open(t, m, o)
		m.SetRoom(m.Used() + 548_864 + 1000) // for the TAIL, and not to take any for the segment
		add(t, q, "a")
		for err := error(nil); err == nil; {
			_, err = q.Append(t.Context(), "b")
		}
		epoch := q.Epoch()
		_, next := q.Bounds()
		m.SetRoom(m.Used())
		must(t, q.Close())
		m.SetRoom(0)
		q = open(t, m, o)
		if _, n := q.Bounds(); n != next {
			t.Errorf("the queue ends at %d, want %d", n, next)
		}
		if q.Epoch() != epoch {
			t.Error("Close returned nil, nothing is lost, and the epoch is another")
		}
	})
}

// A mere kill, then Open and Close on a full disk, which make nothing and lose nothing.
func TestEpochAfterKillOnAFullDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := mapping()
		o := diskq.Options{SyncEvery: -1}
		q := open(t, m, o)
		add(t, q, values(10)...)
		epoch := q.Epoch()
		m = m.Kill()
		m.SetRoom(m.Used())
		q = open(t, m, o)
		if q.Epoch() != epoch {
			t.Fatal("the epoch is another")
		}
		must(t, q.Close())
		m.SetRoom(0)
		q = open(t, m, o)
		if _, next := q.Bounds(); next != 10 || q.Epoch() != epoch {
			t.Errorf("the queue ends at %d, the epoch is the same: %v; want 10, true", next, q.Epoch() == epoch)
		}
	})
}

// A copy of the files lacks the room that was taken. If there is none Open fails, and when there is some all is there.
func TestCopyWithoutRoom(t *testing.T) {
	vs := values(1000)
	m := diskWith(t, killed(t, vs))
	m.SetRoom(m.Used())
	for range 2 {
		_, err := diskq.Open(dir, diskq.String(), diskq.On(diskq.Options{SyncEvery: -1}, m))
		if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "TAIL") {
			t.Fatalf("Open() = %v, want ENOSPC, and that it is about the TAIL", err)
		}
	}
	m.SetRoom(0)
	q := open(t, m, diskq.Options{SyncEvery: -1})
	if r, err := readAll(q); err != nil || int(r.next) != len(vs) || len(r.gaps) > 0 || q.Stats().Recovery.NewEpoch {
		t.Errorf("%d values, gaps %v, %v, new epoch %v: want %d, none, nil, false", r.next, r.gaps, err, q.Stats().Recovery.NewEpoch, len(vs))
	}
}

// A half that was about to be used again when the process was killed is not needed.
func TestHalfAboutToBeUsed(t *testing.T) {
	files := killed(t, values(10))
	half := files[tailName][4096+262144+8192:]
	for n := range 64 {
		clear(half[:64])
		for i := 8; i < n; i++ {
			half[i] = byte(i)
		}
		q := open(t, diskWith(t, files), diskq.Options{SyncEvery: -1})
		if _, end := q.Bounds(); end != 10 || q.Stats().Recovery.NewEpoch {
			t.Errorf("killed behind %d bytes: the queue ends at %d, new epoch %v: want 10, false", n, end, q.Stats().Recovery.NewEpoch)
		}
	}
}

// A write that fails once does not give back the room of what is acknowledged then.
func TestRoomAfterAFailedWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := mapping()
		o := diskq.Options{SyncEvery: -1}
		q := open(t, m, o)
		add(t, q, values(5)...)
		m.Inject(fsx.Nth(0, syscall.EIO, fsx.OpWrite))
		if err := q.Sync(t.Context()); !errors.Is(err, syscall.EIO) {
			t.Fatalf("Sync() = %v", err)
		}
		m.Inject(nil)
		must(t, q.Sync(t.Context())) // it is mended
		m.SetRoom(m.Used() + 100)    // somebody else takes what there was
		acked := 5
		for ; acked < 1000; acked++ {
			if _, err := q.Append(t.Context(), value(acked)); err != nil {
				break
			}
		}
		if err := q.Sync(t.Context()); err != nil && acked > 10 {
			t.Errorf("%d values are acknowledged, and can't be written: %v", acked, err)
		}
		m = m.Kill()
		q2, err := diskq.Open(dir, diskq.String(), diskq.On(o, m))
		if err != nil {
			t.Fatalf("Open() = %v", err)
		}
		q2.Close()
	})
}

// Close does not say of values that are in the TAIL that they are lost.
func TestWhatCloseSaysOfTheTail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := mapping()
		o := diskq.Options{SyncEvery: -1}
		q := open(t, m, o)
		add(t, q, values(5)...)
		m.Inject(fsx.From(0, syscall.EIO, fsx.OpWrite))
		err := q.Close()
		m.Inject(nil)
		q = open(t, m, o)
		if err == nil || !strings.Contains(err.Error(), "5 values are in the TAIL only") {
			t.Errorf("Close() = %v, want an error that says where they are", err)
		}
		if r, err := readAll(q); err != nil || r.next != 5 || q.Stats().Recovery.NewEpoch {
			t.Errorf("%d values, %v, new epoch %v: want 5, nil, false", r.next, err, q.Stats().Recovery.NewEpoch)
		}
	})
}

// A TAIL that stays behind must not touch a segment that is sealed.
func TestTailBehindASeal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := mapping()
		o := diskq.Options{SyncEvery: -1}
		q := open(t, m, o)
		add(t, q, values(3)...)
		if _, err := q.AppendAll(t.Context(), values(50)); err != nil {
			t.Fatal(err)
		}
		files := filesOf(t, m.Kill())
		last := strings.LastIndex(string(files[tailName]), value(49))
		clear(files[tailName][last:]) // killed in the middle of the batch
		m = diskWith(t, files)
		open(t, m, o)
		time.Sleep(time.Second) // it seals what was cut
		synctest.Wait()
		name := segmentOf(t, files)
		sealed, err := fsx.ReadFile(m, name)
		must(t, err)
		m = m.Kill()
		q = open(t, m, o)
		after, err := fsx.ReadFile(m, name)
		must(t, err)
		if !bytes.Equal(sealed, after) && len(after) > len(sealed) {
			t.Errorf("a sealed segment of %d bytes has %d", len(sealed), len(after))
		}
		must(t, q.Close())
	})
}

// A write that fails of what is acknowledged has nothing to take back, so that can't fail.
func TestFailedCutOfAcknowledgedValues(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := mapping()
		q := open(t, m, diskq.Options{SyncEvery: -1})
		add(t, q, values(5)...)
		m.Inject(fsx.From(0, syscall.EIO, fsx.OpWrite|fsx.OpTruncate))
		if err := q.Sync(t.Context()); !errors.Is(err, syscall.EIO) {
			t.Fatalf("Sync() = %v", err)
		}
		m.Inject(nil)
		if _, err := q.Append(t.Context(), "x"); err != nil {
			t.Errorf("Append() = %v: the queue failed though there was nothing to take back", err)
		}
	})
}

// A queue that can't write does not sync again and again what it could not write.
func TestSyncsOfAStuckQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := mapping()
		q := open(t, m, diskq.Options{SyncEvery: -1})
		add(t, q, values(5)...)
		syncs := 0
		m.Inject(func(c fsx.Call) error {
			if c.Op == fsx.OpSync {
				syncs++
			}
			if c.Op == fsx.OpWrite {
				return syscall.ENOSPC
			}
			return nil
		})
		time.Sleep(time.Second)
		synctest.Wait()
		m.Inject(nil)
		if syncs > 1 {
			t.Errorf("%d fsyncs within a second in which nothing was written", syncs)
		}
	})
}

// A segment copied a bit before its TAIL: what lies between is missing, and the epoch must say so.
func TestTailBehindAGap(t *testing.T) {
	files := killed(t, values(10))
	segment := segmentOf(t, files)
	files[segment] = files[segment][:220] // the half begins behind its end
	q := open(t, diskWith(t, files), diskq.Options{})
	if _, next := q.Bounds(); next != 10 && !q.Stats().Recovery.NewEpoch {
		t.Errorf("the queue ends at %d instead of 10, and the epoch is the same", next)
	}
}

// A session that could not begin may have left its first sync point, which says that there is a TAIL: so there is one.
func TestEpochAfterASessionThatCouldNotBegin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := mapping()
		q := open(t, m, diskq.Options{SyncEvery: -1})
		epoch := q.Epoch()
		m.Inject(fsx.Nth(0, syscall.EIO, fsx.OpTruncate))
		if _, err := q.Append(t.Context(), "refused"); !errors.Is(err, syscall.EIO) {
			t.Fatalf("Append() = %v, want EIO", err)
		}
		must(t, q.Close())
		q = open(t, m, diskq.Options{SyncEvery: -1})
		if q.Epoch() != epoch {
			t.Error("the epoch is another, though nothing was lost")
		}
		add(t, q, "kept")
	})
}

// Nor does it matter where in the header: that is whole, or begins with zeros.
func TestHeaderOfAHalfIsWholeOrZeros(t *testing.T) {
	for n := 8; n < 64; n++ {
		header := make([]byte, 64)
		diskq.PutHalf(header, 4096)
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("a header is put into %d bytes", n)
				}
			}()
			diskq.PutHalf(header[:n:n], 8192) // which ends in the middle
		}()
		if !bytes.Equal(header[:8], make([]byte, 8)) {
			t.Errorf("killed behind byte %d: the header begins with %q, want zeros", n, header[:8])
		}
	}
}

// A TAIL that can't be read is not one that is missing: Open fails, and when it can be read all is there.
func TestOpenWithATailThatCantBeRead(t *testing.T) {
	files := killed(t, values(10))
	for _, op := range []fsx.Op{fsx.OpOpen, fsx.OpRead, fsx.OpClose} {
		m := diskWith(t, files)
		m.Inject(func(c fsx.Call) error {
			if c.Op == op && c.Name == tailName {
				return syscall.EIO
			}
			return nil
		})
		if _, err := diskq.Open(dir, diskq.String(), diskq.On(diskq.Options{}, m)); !errors.Is(err, syscall.EIO) {
			t.Errorf("%v: Open() = %v, want EIO", op, err)
		}
		m.Inject(nil)
		q := open(t, m, diskq.Options{})
		if _, next := q.Bounds(); next != 10 || q.Stats().Recovery.NewEpoch {
			t.Errorf("%v: the queue ends at %d, new epoch %v: want 10, false", op, next, q.Stats().Recovery.NewEpoch)
		}
	}
}

// Nor is a queue opened without what is in its TAIL where nobody knows whether the system went on.
func TestCopyWithoutRoomOfAnUnknownBoot(t *testing.T) {
	m := diskWith(t, killed(t, values(1000)))
	m.SetRoom(m.Used())
	if _, err := diskq.Open(dir, diskq.String(), diskq.On(diskq.Options{}, bootless{m})); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("Open() = %v, want ENOSPC", err)
	}
}

// Values are in the segment when the system says so: an error that comes late, as from a server, is one too.
func TestRestoreThatCantBeClosed(t *testing.T) {
	m := diskWith(t, killed(t, values(10)))
	wrote := false
	m.Inject(func(c fsx.Call) error {
		wrote = wrote || c.Op == fsx.OpWrite && c.Name == firstSegment
		if wrote && c.Op == fsx.OpClose && c.Name == firstSegment {
			return syscall.EIO
		}
		return nil
	})
	_, err := diskq.Open(dir, diskq.String(), diskq.On(diskq.Options{SyncEvery: -1}, m))
	if !errors.Is(err, syscall.EIO) || !strings.Contains(err.Error(), "TAIL") {
		t.Errorf("Open() = %v, want EIO, and that it is about the TAIL", err)
	}
}

// A queue that was closed stays so while no session can be begun.
func TestClosedQueueThatCantBeWritten(t *testing.T) {
	for _, d := range []diskq.Durability{diskq.Written, diskq.Buffered, diskq.Durable} {
		m, o := newMem(), diskq.Options{Durability: d, SyncEvery: -1}
		q := open(t, m, o)
		add(t, q, value(0))
		must(t, q.Close())
		again := open(t, m, o)
		m.Inject(fsx.Nth(0, syscall.EIO, fsx.OpWrite))
		if _, err := again.Append(t.Context(), "x"); !errors.Is(err, syscall.EIO) {
			t.Fatalf("%v: Append() = %v, want EIO", d, err)
		}
		again = open(t, m.Kill(), o)
		if s := again.Stats(); !s.Recovery.Clean || s.Epoch != q.Epoch() {
			t.Errorf("%v: Stats() = %+v, want a clean queue of epoch %d", d, s, q.Epoch())
		}
	}
}
