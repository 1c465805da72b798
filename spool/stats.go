package spool

// Count is a number of lines (for a [Dir], messages) and the bytes in them.
type Count struct{ Lines, Bytes int64 }

func (c *Count) add(lines, bytes int64) {
	c.Lines += lines
	c.Bytes += bytes
}

func (c Count) minus(d Count) Count { return Count{c.Lines - d.Lines, c.Bytes - d.Bytes} }

// Stats says what became of the lines, at one moment. Whatever was accepted is somewhere:
//
//	Accepted = Written + Buffered + Dropped
type Stats struct {
	Accepted Count // what Write took
	Written  Count // what the sink took; of a line that it took in part, the bytes only
	Buffered Count // what is in memory
	Dropped  Count // accepted, and then dropped by DropOldest or by a Close that gave up
	Refused  Count // not accepted: Write returned an error, which was not that the Writer is closed

	Retries int64 // how many attempts of the sink failed or were short
	LastErr error // what the last of them failed with
}

func (l *lane) stats() Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := Stats{
		Accepted: l.accepted, Written: l.written, Dropped: l.dropped, Refused: l.refused,
		Retries: l.retries, LastErr: l.lastErr,
	}
	if e := l.active; e != nil {
		s.Accepted.add(e.lines, int64(len(e.data)))
	}
	s.Buffered = s.Accepted.minus(s.Written).minus(s.Dropped)
	return s
}
