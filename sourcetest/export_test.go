package sourcetest

import (
	"context"
	"testing"
	"time"

	"github.com/sluice-go/sluice"
)

// RuleNames returns the names of all rules.
func RuleNames() (names []string) {
	for _, r := range rules[int]() {
		names = append(names, r.name)
	}
	return names
}

// A Verdict is what Test would print of one rule.
type Verdict struct {
	Failed, Skipped bool
	Text, Law       string
}

// TryRule runs one rule, without failing t.
func TryRule[T any](t testing.TB, cfg Config[T], name string) Verdict {
	t.Helper()
	for _, r := range rules[T]() {
		if r.name == name {
			rec := r.try(t, cfg)
			return Verdict{rec.Failed(), rec.Skipped(), r.failure(rec), r.law}
		}
	}
	t.Fatalf("there is no rule %q", name)
	return Verdict{}
}

// ReadBy reads n values from c in the way of that name, see WayNames.
func ReadBy[T any](name string, ctx context.Context, c *sluice.Cursor[T], n int, idle func()) ([]T, error) {
	for _, w := range ways[T](idle) {
		if w.name == name {
			return w.read(ctx, c, n)
		}
	}
	panic("there is no way " + name)
}

// WayNames returns the names of all ways to read, and of those that wait.
func WayNames() (all, waiting []string) {
	for _, w := range ways[int](nil) {
		all = append(all, w.name)
		if w.waits {
			waiting = append(waiting, w.name)
		}
	}
	return all, waiting
}

// Problem returns what makes no sense in cfg.
func Problem[T any](cfg Config[T]) string { return cfg.problem() }

// SetEndless says after how long a rule is taken for one that never ends.
func SetEndless(d time.Duration) { endless = d }
