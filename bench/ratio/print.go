package ratio

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// Print writes the table: for each row its figures and its median as a multiple of that of Ours; then the goals. Bytes are
// left out of a table that measured none.
func (t *Table) Print(w io.Writer) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	ours := t.row(t.Ours)
	bytes := false
	for i := range t.Rows {
		bytes = bytes || t.Rows[i].Median(Bytes) > 0
	}
	fmt.Fprintf(tw, "\tns median\tns min\tx %s\t", t.Ours)
	if bytes {
		fmt.Fprint(tw, "B\tx\t")
	}
	fmt.Fprintln(tw)
	for i := range t.Rows {
		r := &t.Rows[i]
		fmt.Fprintf(tw, "%s\t%.2f\t%.2f\t%.2f\t", r.Name, r.Median(Nanos), r.Min(Nanos), r.Median(Nanos)/ours.Median(Nanos))
		if bytes {
			fmt.Fprintf(tw, "%.1f\t%.2f\t", r.Median(Bytes), r.Median(Bytes)/ours.Median(Bytes))
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
