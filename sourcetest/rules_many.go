package sourcetest

import (
	"sync"

	"github.com/sluice-go/sluice"
)

func manyRules[T any]() []rule[T] {
	return []rule[T]{{
		name: "many writers, many readers",
		law: "With any number of writers and readers at once there is one order, the same for every reader, in which each writer's " +
			"values keep theirs; nothing is lost, nothing comes twice, received + missed = appended.",
		run: checkMany[T],
	}, {
		name: "append all is one piece",
		law:  "The values of an AppendAll stand at consecutive offsets, whatever is appended at the same time.",
		run:  checkOnePiece[T],
	}, {
		name: "open while writing",
		law:  "A position is resolved before Cursor returns: a cursor at Newest reads every value that is appended after that.",
		run:  checkOpenWhileWriting[T],
	}}
}

// A ledger says which value went to which offset, as the writers were told.
type ledger struct {
	mu sync.Mutex
	at map[sluice.Offset]int64 // n of Value(n)
}

func (l *ledger) enter(off sluice.Offset, ns ...int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, n := range ns {
		l.at[off+sluice.Offset(i)] = n
	}
}

func checkMany[T any](k *trial[T]) {
	k.overlap()
	const writers, readers = 4, 3
	each := int64(k.times(300))
	total := writers * each
	entries := make([][]sluice.Entry[T], readers+1)
	missed := make([]int64, readers+1)
	var reads, writes []func()
	read := func(i int, c *sluice.Cursor[T]) {
		start := c.Offset()
		reads = append(reads, k.start(func() {
			for e, err := range c.Entries(k.ctx()) {
				if _, ok := lagOf(err); ok && k.lossy() {
					continue
				}
				if err != nil {
					k.Fatalf("reader %d: after %d values: %v", i, len(entries[i]), err)
				}
				entries[i] = append(entries[i], e)
			}
			missed[i] = c.Missed()
			if received := int64(len(entries[i])); received+missed[i] != total-int64(start) {
				k.Fatalf("reader %d received %d and missed %d, want together %d", i, received, missed[i], total-int64(start))
			}
		}))
	}
	for i := range readers {
		read(i, k.cursor(sluice.Oldest()))
	}
	book := &ledger{at: map[sluice.Offset]int64{}}
	for w := range int64(writers) {
		writes = append(writes, k.start(func() { k.writeMany(book, w, writers, each) }))
	}
	read(readers, k.cursor(sluice.Newest())) // it comes in the middle of it
	all(writes)
	k.n = total
	k.bounds()
	k.log.Close()
	all(reads)

	k.checkLedger(book, writers, total)
	for i := range entries {
		next := sluice.Offset(0)
		for _, e := range entries[i] {
			if n := book.at[e.Offset]; e.Offset < next || !k.Equal(e.Value, k.Value(n)) {
				k.Fatalf("reader %d got %v at offset %d after offset %d, want %v, which was appended there",
					i, e.Value, e.Offset, next-1, k.Value(n))
			}
			next = e.Offset + 1
		}
	}
}

// writeMany appends Value(w), Value(w+step), and so on, one by one and by three.
func (k *trial[T]) writeMany(book *ledger, w, step, values int64) {
	ctx := k.ctx()
	for i := int64(0); i < values; {
		var ns []int64
		var vs []T
		for range min(values-i, k.room(1+i%2*2)) {
			n := w + i*step
			ns, vs = append(ns, n), append(vs, k.Value(n))
			i++
		}
		var off sluice.Offset
		var err error
		if len(vs) == 1 {
			off, err = k.log.Append(ctx, vs[0])
		} else {
			off, err = k.log.AppendAll(ctx, vs)
		}
		if err != nil {
			k.Fatalf("writer %d: appending %d values: %v", w, len(vs), err)
		}
		book.enter(off, ns...)
	}
}

func (k *trial[T]) checkLedger(book *ledger, writers, total int64) {
	k.Helper()
	seen := make([]int64, writers) // how many values of each
	for off := range sluice.Offset(total) {
		n, ok := book.at[off]
		if !ok {
			k.Fatalf("no append returned offset %d of %d: some other was returned twice", off, total)
		}
		w := n % writers
		if want := w + seen[w]*writers; n != want {
			k.Fatalf("offset %d has value %d of writer %d, want its %d", off, n/writers, w, seen[w])
		}
		seen[w]++
	}
}

func checkOnePiece[T any](k *trial[T]) {
	k.overlap()
	const writers = 4
	n := k.room(5)
	for range k.times(20) {
		start := k.n
		firsts := make([]sluice.Offset, writers)
		var waits []func()
		for w := range int64(writers) {
			vs := k.valuesFrom(start+w*n, n)
			waits = append(waits, k.start(func() {
				off, err := k.log.AppendAll(k.ctx(), vs)
				if err != nil {
					k.Fatalf("AppendAll() = %v, %v, want an offset, nil", off, err)
				}
				firsts[w] = off
			}))
		}
		all(waits)
		k.n += writers * n
		first, _ := k.retained()
		c := k.cursor(sluice.At(max(first, sluice.Offset(start))))
		for e, err := range c.Entries(k.ctx()) {
			if err != nil {
				k.Fatalf("Entries failed with %v, want a value", err)
			}
			for w, off := range firsts {
				if i := int64(e.Offset - off); i >= 0 && i < n && !k.Equal(e.Value, k.Value(start+int64(w)*n+i)) {
					k.Fatalf("offset %d has %v, want %v: AppendAll returned %d", e.Offset, e.Value, k.Value(start+int64(w)*n+i), off)
				}
			}
			if e.Offset+1 == sluice.Offset(k.n) {
				break
			}
		}
		c.Close()
	}
}

func checkOpenWhileWriting[T any](k *trial[T]) {
	for range k.times(100) {
		end := sluice.Offset(k.n + 3)
		wait := k.start(func() { k.append(3) })
		c := k.cursor(sluice.Newest())
		for off := c.Offset(); off < end; off = c.Offset() {
			v, err := c.Next(k.ctx())
			if _, ok := lagOf(err); ok && k.lossy() {
				continue
			}
			if err != nil || !k.Equal(v, k.value(off)) {
				k.Fatalf("Next() = %v, %v, want %v, nil", v, err, k.value(off))
			}
		}
		wait()
		k.nothing(c)
		c.Close()
	}
}

// overlap skips a rule where appends overlap, if they must not.
func (k *trial[T]) overlap() {
	k.Helper()
	if k.OneWriter {
		k.Skip("the log has one writer")
	}
}
