package spawn_test

import (
	"errors"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/sluice-go/sluice/internal/spawn"
)

func TestThenComesLast(t *testing.T) {
	for name, f := range map[string]func(){"return": func() {}, "Goexit": runtime.Goexit} {
		returned := false
		done := make(chan struct{})
		spawn.Go(func() {
			defer func() { returned = true }()
			f()
		}, func() {
			defer close(done)
			if !returned {
				t.Errorf("%s: then is called before f has ended", name)
			}
		})
		<-done
	}
}

// A then of which a part is somebody's else: what comes behind that comes in any case.
func TestThenOfAThen(t *testing.T) {
	for name, f := range map[string]func(){"return": func() {}, "Goexit": runtime.Goexit} {
		var order []string
		done := make(chan struct{})
		spawn.Go(runtime.Goexit, func() {
			spawn.Then(func() {
				order = append(order, "f")
				f()
			}, func() {
				order = append(order, "then")
				close(done)
			})
		})
		<-done
		if !slices.Equal(order, []string{"f", "then"}) {
			t.Errorf("%s: %v, want f, then", name, order)
		}
	}
}

// The test runs itself: the program that panics ends well if then is called.
func TestNothingIsToldOfAPanic(t *testing.T) {
	if os.Getenv("SPAWN_TEST_PANIC") != "" {
		spawn.Go(theirs, func() { os.Exit(0) })
		select {}
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestNothingIsToldOfAPanic$")
	cmd.Env = append(os.Environ(), "SPAWN_TEST_PANIC=1")
	out, err := cmd.CombinedOutput()
	if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) || exit.ExitCode() != 2 {
		t.Errorf("the program ends with %v, want exit status 2", err)
	}
	for _, want := range []string{"panic: theirs", "spawn_test.theirs("} {
		if !strings.Contains(string(out), want) {
			t.Errorf("the output lacks %q:\n%s", want, out)
		}
	}
}

func theirs() { panic("theirs") }
