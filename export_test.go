package sluice

// HandSize returns for how many values c has memory of its own.
func HandSize[T any](c *Cursor[T]) int { return cap(c.hand) }
