package topic

import (
	"fmt"

	"github.com/sluice-go/sluice"
)

// Error says which topic an error is of. A gap in one topic is a gap of the whole subscription, a [sluice.Gap]: in it
// [errors.As] finds a *[sluice.LagError] or *[sluice.CorruptError] with the cursor's offsets, and the Error, whose Err is the
// topic's own gap, with the topic's offsets. Otherwise the topic's log has failed, or Options.Offsets names a place that it does not
// have: the subscription returns the same Error until that topic is dropped, or Seek helps.
type Error[K comparable] struct {
	Key K
	Err error
}

func (e *Error[K]) Error() string { return fmt.Sprintf("topic %v: %v", e.Key, e.Err) }

func (e *Error[K]) Unwrap() error { return e.Err }

// A lagError is the gap of a subscription that lags in one topic. To errors.As it is a *sluice.LagError with the subscription's
// offsets, and it wraps an Error.
type lagError[K comparable] struct {
	sluice.LagError
	of *Error[K]
}

func (e *lagError[K]) Error() string {
	return fmt.Sprintf("sluice: missed %d values: %v", e.Missed(), e.of)
}

func (e *lagError[K]) As(target any) bool {
	lag, ok := target.(**sluice.LagError)
	if ok {
		*lag = &e.LagError
	}
	return ok
}

func (e *lagError[K]) Unwrap() error { return e.of }
