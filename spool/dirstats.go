package spool

import "fmt"

// DirStats says what became of the messages, at one moment; their bytes are those of their frames. Accepted = Written +
// Buffered + Dropped, and what is written is in a file, finished or not. Recovered messages are in Finished only.
type DirStats struct {
	Stats
	Files     int64 // finished, the recovered ones too
	Finished  Count // messages in them
	Recovered Count // those of them that Open found in files that were left over
	SetAside  int64 // files that were set aside: torn ends, half messages, what the disk failed to keep
	Damaged   Count // messages in the last kind: written, but the system did not give them back as they were
}

// Stats returns the counts at this moment.
func (d *Dir) Stats() DirStats {
	var s DirStats
	for _, w := range d.workers {
		s.Stats = s.Stats.plus(w.lane.stats())
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	s.Files, s.Finished, s.SetAside, s.Damaged, s.Recovered = d.files, d.done, d.aside, d.damage, d.recovered
	s.Refused = s.Refused.plus(d.refused)
	return s
}

func (c Count) plus(d Count) Count { return Count{c.Lines + d.Lines, c.Bytes + d.Bytes} }

func (s Stats) plus(t Stats) Stats {
	s.Accepted = s.Accepted.plus(t.Accepted)
	s.Written = s.Written.plus(t.Written)
	s.Buffered = s.Buffered.plus(t.Buffered)
	s.Dropped = s.Dropped.plus(t.Dropped)
	s.Refused = s.Refused.plus(t.Refused)
	s.Retries += t.Retries
	if t.LastErr != nil {
		s.LastErr = t.LastErr
	}
	return s
}

// Err returns what a worker fails with at the moment, or, if none does, what the last messages were lost by; nil if neither.
func (d *Dir) Err() error {
	for _, w := range d.workers {
		w.lane.mu.Lock()
		err := w.lane.failing
		w.lane.mu.Unlock()
		if err != nil {
			return err
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.loss
}

// finished is called when w has a finished file more.
func (d *Dir) finished(w *worker) {
	count := Count{w.messages, w.size}
	d.mu.Lock()
	d.files++
	d.done = d.done.plus(count)
	if w.recovers {
		d.recovered = d.recovered.plus(count)
	}
	d.mu.Unlock()
	if d.o.OnFile != nil {
		d.o.OnFile(w.finalPath(), FileInfo{Messages: w.messages, Bytes: w.size, Begun: w.begun, Recovered: w.recovers})
	}
}

// lose is called when the messages of w's file can't be read back.
func (d *Dir) lose(w *worker, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.damage.add(w.messages, w.size)
	d.loss = err
}

// newLoss returns by what messages were lost since it was called last, if any were.
func (d *Dir) newLoss() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.told == d.damage {
		return nil
	}
	d.told = d.damage
	return fmt.Errorf("spool: %w", d.loss)
}
