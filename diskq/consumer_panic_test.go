package diskq_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/diskq"
)

// A panic of the caller's code in a goroutine of the consumer's ends the program as one, and nobody hears of the goroutine's
// end before: he might end the program well. The test runs itself.
func TestPanicOfTheCallersEndsTheProgram(t *testing.T) {
	programs := map[string]func(){"codec": panickingCodec, "sink": panickingSink}
	if f := programs[os.Getenv("DISKQ_TEST_CALLERS_PANIC")]; f != nil {
		f()
		os.Exit(0)
	}
	for name := range programs {
		cmd := exec.Command(os.Args[0], "-test.run=^TestPanicOfTheCallersEndsTheProgram$")
		cmd.Env = append(os.Environ(), "DISKQ_TEST_CALLERS_PANIC="+name)
		out, err := cmd.CombinedOutput()
		if errors.Is(err, syscall.ENOEXEC) {
			t.Skip("emulated: it can't start itself again")
		}
		if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) || exit.ExitCode() != 2 {
			t.Errorf("%s: the program ends with %v, want exit status 2", name, err)
		}
		if !strings.Contains(string(out), "panic: theirs") {
			t.Errorf("%s: the output lacks the panic:\n%s", name, out)
		}
	}
}

// panickingCodec returns when a channel, whose values can't be decoded, is closed.
func panickingCodec() {
	q, err := diskq.Open[string](dir, codecThatPanics{diskq.String()}, diskq.On(diskq.Options{}, newMem()))
	c, err2 := q.Consumer("c", diskq.ConsumerOptions{})
	_, err3 := q.Append(context.Background(), "a")
	if err := errors.Join(err, err2, err3); err != nil {
		panic(err)
	}
	ch, _ := c.Chan(stuck{context.Background()}, 1)
	<-ch
}

type codecThatPanics struct{ diskq.Codec[string] }

func (codecThatPanics) Decode([]byte) (string, error) { panic("theirs") }

// A stuck context never lets go of those that hang on it: so who ends one of those comes no further.
type stuck struct{ context.Context }

func (stuck) Done() <-chan struct{}        { return make(chan struct{}) }
func (stuck) AfterFunc(func()) func() bool { return func() bool { select {} } }

// panickingSink returns when Close does, while the sink has a value.
func panickingSink() {
	q, err := diskq.Open(dir, diskq.String(), diskq.On(diskq.Options{}, newMem()))
	s := &sinkThatPanics{asked: make(chan struct{})}
	c, err2 := q.Consumer("c", diskq.ConsumerOptions{MaxAttempts: 1, DeadLetter: s})
	_, err3 := q.Append(context.Background(), "a")
	if err := errors.Join(err, err2, err3); err != nil {
		panic(err)
	}
	d, err := c.Receive(context.Background())
	if err := errors.Join(err, d.Nack(0)); err != nil {
		panic(err)
	}
	<-s.asked
	c.Close()
}

type sinkThatPanics struct{ asked chan struct{} }

func (s *sinkThatPanics) Append(ctx context.Context, _ string) (sluice.Offset, error) {
	close(s.asked)
	<-ctx.Done() // Close waits for us
	panic("theirs")
}

func (s *sinkThatPanics) AppendAll(context.Context, []string) (sluice.Offset, error) { return 0, nil }
func (s *sinkThatPanics) Close() error                                               { return nil }
