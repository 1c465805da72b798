package diskq_test

import (
	"context"
	"errors"
)

var ctxBackground = context.Background()

func joined(errs ...error) error { return errors.Join(errs...) }
