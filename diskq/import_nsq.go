package diskq

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/sluice-go/sluice"
)

// ImportReport is what [ImportNSQ] did and found.
type ImportReport struct {
	Messages int64          // that this call moved
	Earlier  int64          // that earlier calls had moved
	Files    int            // that there were to read
	Damage   []ImportDamage // what could not be read
	Bad      []string       // files that go-diskqueue had given up, named .bad: they are left as they are
	Metadata error          // nil, or why the metadata was not followed: so messages may be there that had been read already
}

// ImportDamage is a piece of a file that holds no messages that can be told: a length that makes no sense, or a torn end. What
// lies behind it in the same file is lost with it, because nothing says where the next message begins.
type ImportDamage struct {
	File  string
	Pos   int64
	Bytes int64
	Err   error
}

const (
	// An import moves so many messages, or bytes, at once: all or none.
	importBatch = 4096
	importBytes = 4 << 20

	// zerosAreDamage is how many zeros at the end of a file are what a power cut left, and not so many empty messages.
	zerosAreDamage = 64
)

// ImportNSQ moves the messages of an nsqio/go-diskqueue queue, the one of that name in dir, to the end of dst: each exactly
// once, also if it is interrupted, by a crash too, and called again. Nobody may use the queue meanwhile, and nobody else append to dst. A
// message's bytes become a value as they are, so dst has the codec that reads them, or [Bytes]; a message that its codec can't decode ends
// the import, with an error, before it.
//
// Reading begins where go-diskqueue's metadata says, and every file is read to its end, whatever the metadata says: after a
// crash that is stale. Where there is none, or none that fits the files, reading begins with the oldest message there is,
// and the report says so. Nothing is removed from dir; what is appended there later is moved by the next call. Remove the directory
// when you are content with the report.
//
// How far it has come stands in dst's directory. Values are on stable storage before that moves on.
func ImportNSQ[T any](ctx context.Context, dir, name string, dst *DiskQueue[T]) (ImportReport, error) {
	return importNSQ(ctx, dir, name, dst, importBatch)
}

func importNSQ[T any](ctx context.Context, dir, name string, dst *DiskQueue[T], batch int) (ImportReport, error) {
	im := &importer{
		batch:  batch,
		src:    nsqSource{fs: dst.w.fs, dir: dir, name: name},
		w:      dst.w,
		record: join(dst.w.dir, importFile(name)),
		check: func(b []byte) error {
			_, err := dst.codec.Decode(b)
			return err
		},
	}
	err := im.run(ctx)
	if err != nil {
		err = fmt.Errorf("diskq: import %s from %s: %w", name, dir, err)
	}
	return im.report, err
}

// An importer is one call of ImportNSQ.
type importer struct {
	src    nsqSource
	batch  int // how many messages are moved at once
	w      *writer
	record string // the file of the progress
	check  func([]byte) error
	report ImportReport
}

// A progress says which batch an import was about to append: Count messages from At on, at offset Next or behind it. All that came
// before is in the destination, on stable storage. So when the next call finds the destination longer than Next it looks
// whether that is the batch.
type progress struct {
	Dir   string
	At    nsqPlace
	Next  sluice.Offset
	Count int
	Only  []int // not nil: of these messages only those; the others are there already
	Moved int64 // before
}

func (im *importer) run(ctx context.Context) error {
	abs, err := filepath.Abs(im.src.dir)
	if err != nil {
		return err
	}
	p, err := im.load()
	if err != nil {
		return err
	}
	if p != nil && p.Dir != abs {
		return fmt.Errorf("%s says that the queue was imported from %s: if this is the same one, put it there; else give it another name", im.record, p.Dir)
	}
	if im.report.Bad, err = im.src.list(); err != nil {
		return err
	}
	if p == nil {
		p = &progress{Dir: abs}
		if p.At, im.report.Metadata, err = im.src.start(); err != nil {
			return err
		}
	} else if err := im.settle(ctx, p); err != nil {
		return err
	}
	im.report.Earlier = p.Moved
	for _, file := range im.src.files {
		if file >= p.At.File {
			im.report.Files++
		}
	}
	for {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		batch, err := im.read(p.At)
		if err != nil || len(batch.messages) == 0 && batch.end == p.At {
			return err
		}
		if err := im.move(ctx, p, batch); err != nil {
			return err
		}
	}
}

// move appends a batch, or what is missing of it, and makes it last.
func (im *importer) move(ctx context.Context, p *progress, b nsqBatch) error {
	messages := p.part(b)
	ends, size := make([]int, 0, len(messages)), 0
	for i, m := range messages {
		if err := im.check(m); err != nil {
			return fmt.Errorf("message %d behind %v: the destination's codec can't decode it; diskq.Bytes() takes all: %w", i, p.At, err)
		}
		size += len(m)
		ends = append(ends, size)
	}
	_, p.Next = im.w.bounds()
	p.Count = len(b.messages)
	if err := im.save(p); err != nil {
		return err
	}
	if _, err := im.w.appendAll(ctx, ends, func(i int) []byte { return messages[i] }); err != nil {
		return err
	}
	if err := errors.Join(im.w.flush(), im.w.sync()); err != nil {
		return err
	}
	im.report.Messages += int64(len(messages))
	p.pass(b)
	_, p.Next = im.w.bounds()
	return im.save(p)
}

// part returns the messages of the batch that p is about.
func (p *progress) part(b nsqBatch) [][]byte {
	if p.Only == nil {
		return b.messages
	}
	var part [][]byte
	for _, i := range p.Only {
		part = append(part, b.messages[i])
	}
	return part
}

// pass moves p behind the batch.
func (p *progress) pass(b nsqBatch) {
	p.At, p.Count, p.Only = b.end, 0, nil
	p.Moved += int64(len(b.messages))
}

// read returns the next batch, with what is damaged in between added to the report.
func (im *importer) read(at nsqPlace) (nsqBatch, error) {
	size := min(importBytes, im.w.o.SegmentBytes)
	if im.w.o.MaxBytes > 0 {
		size = min(size, im.w.o.MaxBytes/8)
	}
	b, err := im.src.read(at, im.batch, size)
	im.report.Damage = append(im.report.Damage, b.damage...)
	return b, err
}

// settle finds out whether the batch of p was appended, and takes p behind it if so. What is damaged of it is appended again.
func (im *importer) settle(ctx context.Context, p *progress) error {
	first, next := im.w.bounds()
	switch {
	case next < p.Next:
		return fmt.Errorf("%s says that the destination reached offset %d, and it ends at %d: it is not the one that the import began with", im.record, p.Next, next)
	case p.Count == 0:
		return nil
	}
	b, err := im.src.read(p.At, p.Count, 1<<62)
	if err != nil {
		return err
	}
	if len(b.messages) < p.Count {
		return fmt.Errorf("%s says that %d messages follow on %v, and %d do: the files have changed", im.record, p.Count, p.At, len(b.messages))
	}
	found, missing := first > p.Next, []int(nil) // it was there, was read, and is gone again
	if !found {
		if err := im.w.rewrite(p.Next); err != nil { // what can be read is not on the disk for certain
			return err
		}
		if found, missing, err = im.find(p.Next, next, p.part(b)); err != nil {
			return err
		}
	}
	switch {
	case found && len(missing) == 0:
		im.report.Damage = append(im.report.Damage, b.damage...)
		p.pass(b)
		return nil
	case found && p.Only == nil:
		p.Only = missing
	case found:
		for i, j := range missing {
			missing[i] = p.Only[j]
		}
		p.Only = missing
	case p.Only == nil:
		return nil // it is read again
	}
	im.report.Damage = append(im.report.Damage, b.damage...)
	return im.move(ctx, p, b)
}

// find reports whether the destination holds these messages, one after the other, somewhere in [from, to). What is damaged
// there may have been any of them; missing is which of the messages can't be read back for that.
func (im *importer) find(from, to sluice.Offset, messages [][]byte) (found bool, missing []int, err error) {
	values, err := im.values(from, to)
	for i := 0; err == nil && i+len(messages) <= len(values); i++ {
		found, missing = matches(values[i:], messages)
		if found {
			return true, missing, nil
		}
	}
	return false, nil, err
}

func matches(values, messages [][]byte) (ok bool, missing []int) {
	for i, m := range messages {
		switch {
		case values[i] == nil:
			missing = append(missing, i)
		case !bytes.Equal(values[i], m):
			return false, nil
		}
	}
	return true, missing
}

// values returns what the destination holds, nil for what is damaged.
func (im *importer) values(from, to sluice.Offset) (values [][]byte, err error) {
	r := newReader(&im.w.segments, Bytes(), sluice.At(from))
	defer r.Close()
	for r.Offset() < to {
		batch, err := r.Poll()
		if gap := (*sluice.CorruptError)(nil); errors.As(err, &gap) {
			values = append(values, make([][]byte, gap.To-gap.From)...)
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, v := range batch {
			values = append(values, append([]byte{}, v...)) // never nil
		}
	}
	return values, nil
}
