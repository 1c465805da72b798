package sourcetest_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/sourcetest"
)

// faultVariable names the fault that a child process tests.
const faultVariable = "SOURCETEST_FAULT"

// TestInChild is what the child process of TestFailureOutput runs.
func TestInChild(t *testing.T) {
	f, ok := os.LookupEnv(faultVariable)
	if !ok {
		t.Skip("only for the child process of TestFailureOutput")
	}
	if fault(f) == neverWaits {
		sourcetest.SetEndless(5 * time.Second) // by then its readers surely run, and show where
	}
	sourcetest.Test(t, unlimited.config(fault(f)))
}

// TestFailureOutput looks at what a user sees when the suite fails: the rule, the law, the seed, the operations.
func TestFailureOutput(t *testing.T) {
	for _, test := range []struct {
		fault fault
		rules string // those to run
		want  []string
	}{
		{healthy, "", []string{"PASS"}},
		{dropsValue, "", []string{
			"--- FAIL: TestInChild/order", "law: Values come in offset order, each exactly once.",
			"--- FAIL: TestInChild/model", "-rapid.seed=", "draw action: \"open\"", ": the value at offset ",
			"law: Whatever is done in whatever order",
			"--- PASS: TestInChild/empty",
		}},
		{leaksGoroutine, "goroutines", []string{"--- FAIL: TestInChild/goroutines", "goroutines remain", "naive_reader_test.go"}},
		{appendHangs, "", []string{"--- FAIL: TestInChild/offsets", "all goroutines in bubble are blocked", "naive_test.go"}},
		{pollPanics, "", []string{"panic: naive: a bug", "naive_reader_test.go", "law: The value appended n-th"}},
		{neverWaits, "wakes_all", []string{"--- FAIL: TestInChild/wakes_all", "something never waits", "Cursor[...]).await"}},
	} {
		t.Run(string(test.fault), func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command(os.Args[0], "-test.run=^TestInChild$/"+test.rules, "-test.v", "-rapid.seed=1", "-rapid.shrinktime=1s")
			cmd.Env = append(os.Environ(), faultVariable+"="+string(test.fault))
			out, err := cmd.CombinedOutput()
			if (err == nil) != (test.fault == healthy) {
				t.Errorf("the child ended with %v", err)
			}
			for _, want := range test.want {
				if !strings.Contains(string(out), want) {
					t.Errorf("the output lacks %q:\n%s", want, out)
				}
			}
		})
	}
}

// TestLeakIsFoundInRealTime: outside of a bubble goroutines are found by their label.
func TestLeakIsFoundInRealTime(t *testing.T) {
	t.Parallel()
	cfg := kind{real: true}.config(healthy)
	healthyNew, done := cfg.New, make(chan struct{})
	cfg.New = func(t testing.TB) sluice.Log[int] {
		go func() { <-done }()
		return healthyNew(t)
	}
	defer close(done)
	if v := sourcetest.TryRule(t, cfg, "goroutines"); !v.Failed || !strings.Contains(v.Text, "output_test.go") {
		t.Errorf("the rule gave %+v, want it to show the goroutine", v)
	}
}

// TestRuleNames: names are unique, and each rule has a broken log or is known to be about Cursor alone.
func TestRuleNames(t *testing.T) {
	found := map[string]bool{}
	for _, b := range broken {
		found[b.rule] = true
	}
	// What these say is the work of sluice.Cursor whatever the log does: scripts test them, and the tests of package sluice.
	for _, name := range []string{
		"empty", "ways agree", "backlog", "lag", "break", "panic", "errors are last", "done context", "chan", "chan stop",
		"chan context", "chan cursor close", "cursor close", "open while writing",
	} {
		found[name] = true
	}
	seen := map[string]bool{}
	for _, name := range sourcetest.RuleNames() {
		if seen[name] {
			t.Errorf("the rule %q is there twice", name)
		}
		seen[name] = true
		if !found[name] {
			t.Errorf("no broken log is known that the rule %q must find", name)
		}
	}
}
