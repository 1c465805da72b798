package topic

import "fmt"

// Error says which topic an error is of. A gap in one topic is a gap of the whole subscription, a *[sluice.LagError] or
// *[sluice.CorruptError] with its offsets; there Error is what is wrapped, found with [errors.As], and Err is the topic's own
// gap, with the topic's offsets. Otherwise the topic's log has failed, or Options.Offsets names a place that it does not
// have: the subscription returns the same Error until that topic is dropped, or Seek helps.
type Error[K comparable] struct {
	Key K
	Err error
}

func (e *Error[K]) Error() string { return fmt.Sprintf("topic %v: %v", e.Key, e.Err) }

func (e *Error[K]) Unwrap() error { return e.Err }
