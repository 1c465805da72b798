package streams

// At returns the n bytes of the stream at off.
func At(off int64, n int) []byte { return at(off, n) }
