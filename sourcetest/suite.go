package sourcetest

import (
	"slices"
	"testing"
)

// Test checks the logs that cfg describes against every rule, each in a subtest on a new log.
func Test[T any](t *testing.T, cfg Config[T]) {
	t.Helper()
	if problem := cfg.problem(); problem != "" {
		t.Fatalf("sourcetest: %s", problem)
	}
	for _, r := range rules[T]() {
		t.Run(r.name, func(t *testing.T) {
			switch rec := r.try(t, cfg); {
			case rec.Failed():
				t.Error(r.failure(rec))
			case rec.Skipped():
				t.Skip(rec.text())
			}
		})
	}
}

// A rule is one sentence of the contract and how to see whether it holds.
type rule[T any] struct {
	name string
	law  string
	run  func(k *trial[T])

	// tries says that run is a random search: it starts without a log, and each of its tries is isolated on its own.
	tries bool
}

// rules returns all of them. Those that a failure of another makes meaningless come behind it.
func rules[T any]() []rule[T] {
	return slices.Concat(
		appendRules[T](),
		positionRules[T](),
		readRules[T](),
		loopRules[T](),
		chanRules[T](),
		waitRules[T](),
		closeRules[T](),
		gapRules[T](),
		manyRules[T](),
		storeRules[T](),
		[]rule[T]{modelRule[T]()},
	)
}

// try runs the rule on a new log and returns what came of it.
func (r rule[T]) try(t testing.TB, cfg Config[T]) *recorder {
	cfg = cfg.withDefaults()
	return isolate(t, !cfg.NoSynctest && !r.tries, func(rec *recorder) {
		k := &trial[T]{TB: rec, Config: cfg, outer: t, bubble: !cfg.NoSynctest && !r.tries}
		if !r.tries {
			k.open()
		}
		r.run(k)
	})
}

// failure is what is printed when the rule was broken.
func (r rule[T]) failure(rec *recorder) string { return rec.text() + "\nlaw: " + r.law }
