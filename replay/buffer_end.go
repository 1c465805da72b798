package replay

import (
	"fmt"
	"io"

	"github.com/sluice-go/sluice"
)

// Close ends the stream: writes fail, and readers, late ones too, get every byte and then io.EOF. It is idempotent. It returns
// an error if the file has failed, or fails now: then readers get it, too. It does not sync the file to stable storage.
func (b *Buffer) Close() error { return b.CloseWithError(nil) }

// CloseWithError ends the stream with an error, as [io.PipeWriter.CloseWithError] does: readers, late ones too, get every byte
// and then err, so that a download that failed never looks complete. With a nil err, or io.EOF, it is [Buffer.Close]. On a
// buffer that has ended already it changes nothing. Writes get [sluice.ErrClosed].
//
// If err is itself a gap (*[sluice.LagError]) readers get an error that wraps it: to them it is no gap, but final.
func (b *Buffer) CloseWithError(err error) error {
	if err == nil {
		err = io.EOF
	}
	b.lock()
	b.endLocked(&ending{err: final(err)})
	b.trimLocked()
	b.unlock()
	b.wake()
	err = b.letGo()
	if e := b.ended.Load(); e.failed {
		return e.err
	}
	return err
}

// endLocked ends the stream with e, if it has not ended, nor fails to get all into its file.
func (b *Buffer) endLocked(e *ending) {
	if b.ended.Load() != nil {
		return
	}
	if b.recent.timer != nil {
		b.recent.timer.Stop()
	}
	if err := b.flushLocked(); err != nil {
		b.failLocked(err)
		return
	}
	b.ended.CompareAndSwap(nil, e)
	b.recent.dropLocked()
}

// Abort ends the stream and makes readers fail with err at once, whatever is still to be read, and writers too; a reader of a
// trickle (see [BufferReader.Read]) within a millisecond. It works on a buffer that is closed as well; after a first Abort it
// does nothing. A nil err, and one that says that all is well (io.EOF, [sluice.ErrClosed]), stands for one that says
// "replay: aborted".
//
// It waits for nobody. What was written last may be in the file or not, and the file may keep up to 8 MiB of room on the device
// behind its bytes.
func (b *Buffer) Abort(err error) {
	if err == nil || err == io.EOF || err == sluice.ErrClosed { // an abort must not look like a complete stream
		err = errAborted
	}
	e := &ending{err: final(err), aborted: true}
	for {
		was := b.ended.Load()
		if was != nil && was.aborted {
			return
		}
		if b.ended.CompareAndSwap(was, e) {
			break
		}
	}
	b.wake()
	b.letGo() // closing a descriptor that is of no use any more; nobody could do anything about an error
}

// failLocked ends the stream because its file failed: readers get what was written, and then the error. It returns what the
// writer gets.
func (b *Buffer) failLocked(err error) error {
	e := &ending{err: fmt.Errorf("replay: %w", err), failed: true}
	if b.ended.CompareAndSwap(nil, e) {
		b.wake()
		return e.err
	}
	return b.ended.Load().writeErr() // it failed because of an Abort, or after one
}

// writeErr returns what writers get behind the end.
func (e *ending) writeErr() error {
	if e.aborted || e.failed {
		return e.err
	}
	return sluice.ErrClosed
}
