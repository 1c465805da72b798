package ratio

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
)

// Print writes the table: for each row its figures and its median as a multiple of that of Ours; then the goals. A unit
// other than ns is left out of a table that measured none.
func (t *Table) Print(w io.Writer) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	ours := t.row(t.Ours)
	var others []Unit
	for _, u := range []Unit{Bytes, Missed, P99, P999, Worst, Held} {
		if slices.ContainsFunc(t.Rows, func(r Row) bool { return r.Median(u) > 0 }) {
			others = append(others, u)
		}
	}
	fmt.Fprintf(tw, "\tns median\tns min\tx %s\t", t.Ours)
	for _, u := range others {
		fmt.Fprintf(tw, "%s\tx\t", u)
	}
	fmt.Fprintln(tw)
	for i := range t.Rows {
		r := &t.Rows[i]
		fmt.Fprintf(tw, "%s\t%.2f\t%.2f\t%.2f\t", r.Name, r.Median(Nanos), r.Min(Nanos), r.Median(Nanos)/ours.Median(Nanos))
		for _, u := range others {
			fmt.Fprintf(tw, "%.*f\t%s\t", u.digits(), r.Median(u), multiple(r.Median(u), ours.Median(u)))
		}
		fmt.Fprintln(tw)
	}
	if _, err := fmt.Fprintf(w, "%s; %.1f processors\n", t.Title, t.processors); err != nil {
		return err
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	for _, r := range t.Results() {
		if _, err := fmt.Fprintf(w, "  %-5s %v\n", r.Verdict(), r); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintln(w)
	return err
}

// multiple prints a as a multiple of b, if there is one.
func multiple(a, b float64) string {
	if b == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f", a/b)
}

// digits returns how many digits behind the point say something.
func (u Unit) digits() int {
	if u == Held {
		return 2
	}
	return 1
}
