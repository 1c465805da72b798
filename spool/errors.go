package spool

import (
	"errors"
	"fmt"
)

// ErrFull says that there was no room for a line, or a message, in time: it was not accepted. If the sink fails at the
// moment, the error that is returned wraps the sink's too.
var ErrFull = errors.New("spool: full")

// UndeliveredError says what a Close that ended too early left behind.
type UndeliveredError struct {
	// Count is what was accepted and not written. Of what the sink was writing at that moment, some may still arrive.
	Count
	Err error // why Close did not wait longer, and what the sink failed with
}

func (e *UndeliveredError) Error() string {
	return fmt.Sprintf("spool: closed with %d lines (%d bytes) not delivered: %v", e.Lines, e.Bytes, e.Err)
}

func (e *UndeliveredError) Unwrap() error { return e.Err }
