package topic_test

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/sluice-go/sluice"
)

// A plainLog is what a third party may write: a slice and a mutex. It counts how often it is looked at, and its readers
// can't wait: a hub must not ask them to.
type plainLog struct {
	polls   atomic.Int64
	onEmpty func() // called behind each Poll that finds nothing; constant

	mu     sync.Mutex
	values []int
	closed bool
}

func (l *plainLog) Append(ctx context.Context, v int) (sluice.Offset, error) {
	return l.AppendAll(ctx, []int{v})
}

func (l *plainLog) AppendAll(_ context.Context, vs []int) (sluice.Offset, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return 0, sluice.ErrClosed
	}
	l.values = append(l.values, vs...)
	return sluice.Offset(len(l.values) - len(vs)), nil
}

func (l *plainLog) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	return nil
}

func (l *plainLog) Bounds() (first, next sluice.Offset) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return 0, sluice.Offset(len(l.values))
}

func (l *plainLog) Cursor(p sluice.Position) *sluice.Cursor[int] {
	r := &plainReader{plainLog: l}
	r.bad = r.Seek(p)
	return sluice.NewCursor[int](r)
}

type plainReader struct {
	*plainLog
	off sluice.Offset
	bad error
}

func (r *plainReader) Offset() sluice.Offset { return r.off }

func (r *plainReader) Seek(p sluice.Position) error {
	off, err := p.Resolve(r.Bounds())
	if err == nil {
		r.off, r.bad = off, nil
	}
	return err
}

func (r *plainReader) Poll() (batch []int, err error) {
	r.polls.Add(1)
	defer func() {
		if r.onEmpty != nil && len(batch) == 0 && err == nil {
			r.onEmpty()
		}
	}()
	r.mu.Lock()
	defer r.mu.Unlock()
	switch vs := r.values[r.off:]; {
	case r.bad != nil:
		return nil, r.bad
	case len(vs) > 0:
		r.off += sluice.Offset(len(vs))
		return vs, nil
	case r.closed:
		return nil, sluice.ErrClosed
	}
	return nil, nil
}

func (r *plainReader) Wait(context.Context) error { panic("a hub waited for a single topic") }

func (r *plainReader) Close() error { return nil }
