package chanx_test

import (
	"context"
	"errors"
	"iter"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/sluice-go/sluice/chanx"
)

// A panic in a goroutine ends the program and says where: who waits does not learn of its end before. The test runs itself.
func TestAPanicInAGoroutineEndsTheProgram(t *testing.T) {
	const variable = "CHANX_TEST_PANIC"
	ctx, thrown := context.Background(), errors.New("thrown in a goroutine")
	panics := map[string]func(){
		"Go": func() {
			_, stop := chanx.Go(ctx, 0, func(context.Context) iter.Seq2[int, error] { panic(thrown) })
			stop()
		},
		"ForEach": func() { chanx.ForEach(ctx, filled(1), 2, func(context.Context, int) error { panic(thrown) }) },
		"Shard":   func() { <-chanx.Shard(ctx, filled(1), 2, 0, func(int) uint64 { panic(thrown) })[0] },
		"Buffer": func() {
			dropping := make(chan struct{})
			out := chanx.Buffer(ctx, filled(1, 2), 1, chanx.DropNewest, func(int) { close(dropping); panic(thrown) })
			for <-dropping; ; {
				if _, ok := <-out; !ok {
					return
				}
			}
		},
	}
	if name := os.Getenv(variable); name != "" {
		panics[name]()
		return
	}
	for name := range panics {
		cmd := exec.Command(os.Args[0], "-test.run=^TestAPanicInAGoroutineEndsTheProgram$")
		cmd.Env = append(os.Environ(), variable+"="+name)
		out, err := cmd.CombinedOutput()
		if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) || exit.ExitCode() != 2 || !strings.Contains(string(out), thrown.Error()) {
			t.Errorf("%s: the program ends with %v, want exit status 2 and the panic:\n%s", name, err, out)
		}
	}
}
