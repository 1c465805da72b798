package ratio

import "fmt"

// Goal is what a row is held to. One of AtLeast and AtMost is set.
type Goal struct {
	Row  string
	Peer string // empty: AtMost is the row's own figure
	Unit Unit   // empty: Nanos

	AtLeast float64 // times better than the peer: peer / row
	AtMost  float64 // times the peer's cost: row / peer
}

// figure returns what the goal limits, from figures of the row and of the peer.
func (g Goal) figure(row, peer float64) float64 {
	switch {
	case g.Peer == "":
		return row
	case g.AtLeast > 0:
		return peer / row
	default:
		return row / peer
	}
}

// met reports whether a figure reaches the goal.
func (g Goal) met(figure float64) bool {
	if g.AtLeast > 0 {
		return figure >= g.AtLeast
	}
	return figure <= g.AtMost
}

// Result is a goal with what was measured.
type Result struct {
	Goal
	Median float64 // from the medians; what decides
	Min    float64 // from the minima; if it decides otherwise the run was too noisy to tell
}

// Results returns the goals with what was measured.
func (t *Table) Results() []Result {
	var rs []Result
	for _, g := range t.Goals {
		if g.Unit == "" {
			g.Unit = Nanos
		}
		r := t.row(g.Row)
		p := r
		if g.Peer != "" {
			p = t.row(g.Peer)
		}
		rs = append(rs, Result{
			Goal:   g,
			Median: g.figure(r.Median(g.Unit), p.Median(g.Unit)),
			Min:    g.figure(r.Min(g.Unit), p.Min(g.Unit)),
		})
	}
	return rs
}

// Verdict returns PASS or MISS, with a question mark if the minima say otherwise.
func (r Result) Verdict() string {
	v := "MISS"
	if r.met(r.Median) {
		v = "PASS"
	}
	if r.met(r.Median) != r.met(r.Min) {
		v += "?"
	}
	return v
}

// String says what was asked and what was measured.
func (r Result) String() string {
	switch {
	case r.Peer == "":
		return fmt.Sprintf("%s at most %g %s: %.2f (min %.2f)", r.Row, r.AtMost, r.Unit, r.Median, r.Min)
	case r.AtLeast > 0:
		return fmt.Sprintf("%s / %s at least %g (%s): %.2f (min %.2f)", r.Peer, r.Row, r.AtLeast, r.Unit, r.Median, r.Min)
	default:
		return fmt.Sprintf("%s / %s at most %g (%s): %.2f (min %.2f)", r.Row, r.Peer, r.AtMost, r.Unit, r.Median, r.Min)
	}
}
