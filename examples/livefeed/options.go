package main

import (
	"flag"
	"fmt"
	"io"
	"time"
)

// options is the command line.
type options struct {
	addr     string
	stdin    bool   // the argument "-"
	file     string // "" for none
	existing bool
	every    time.Duration

	keep     int64
	maxBytes int64
	maxAge   time.Duration

	heartbeat    time.Duration
	writeTimeout time.Duration
}

const usage = `livefeed serves lines or measurements as a live page and a stream of Server-Sent Events.

	livefeed [flags]              follow live runtime/metrics of this process
	livefeed [flags] -            follow the lines of stdin
	livefeed [flags] -file path   follow the lines of a file, as tail -F does

Then open the address that it prints, or:  curl -N http://127.0.0.1:8080/events

`

// parse returns the options that args stand for. For -h it writes the usage to help and returns [flag.ErrHelp].
func parse(args []string, help io.Writer) (o options, err error) {
	fs := flag.NewFlagSet("livefeed", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.StringVar(&o.addr, "addr", "127.0.0.1:8080", "`address` to listen on; port 0 picks a free one")
	fs.StringVar(&o.file, "file", "", "follow the lines of this file; `path` need not exist yet")
	fs.BoolVar(&o.existing, "existing", false, "with -file: start with what the file holds already, not at its end")
	fs.DurationVar(&o.every, "every", time.Second, "how often to sample metrics")
	fs.Int64Var(&o.keep, "keep", 10_000, "how many values to retain; 0: no limit")
	fs.Int64Var(&o.maxBytes, "max-bytes", 64<<20, "how many `bytes` of values to retain; 0: no limit")
	fs.DurationVar(&o.maxAge, "max-age", 0, "how long to retain a value; 0: no limit")
	fs.DurationVar(&o.heartbeat, "heartbeat", 15*time.Second, "how often to send a comment, to keep a quiet stream open")
	fs.DurationVar(&o.writeTimeout, "write-timeout", 10*time.Second, "drop a client that takes longer to accept a write")
	if err := fs.Parse(args); err != nil {
		if err == flag.ErrHelp {
			fs.SetOutput(help)
			fmt.Fprint(help, usage)
			fs.PrintDefaults()
		}
		return o, err
	}
	o.stdin = fs.NArg() > 0 && fs.Arg(0) == "-"
	return o, o.check(fs.Args())
}

// check says what is wrong with the options, or with the arguments behind them.
func (o options) check(args []string) error {
	switch {
	case len(args) > 0 && !o.stdin:
		return fmt.Errorf("unexpected argument %q: a file is named by -file, stdin by -", args[0])
	case len(args) > 1:
		return fmt.Errorf("unexpected argument %q: flags come before the -", args[1])
	case o.stdin && o.file != "":
		return fmt.Errorf("both stdin and -file %s: follow one of them", o.file)
	case o.existing && o.file == "":
		return fmt.Errorf("-existing is for -file")
	case o.keep < 0:
		return fmt.Errorf("-keep must be at least 0, got %d", o.keep)
	case o.maxBytes < 0:
		return fmt.Errorf("-max-bytes must be at least 0, got %d", o.maxBytes)
	case o.maxAge < 0:
		return fmt.Errorf("-max-age must be at least 0, got %v", o.maxAge)
	case o.every <= 0:
		return fmt.Errorf("-every must be more than 0, got %v", o.every)
	case o.heartbeat <= 0:
		return fmt.Errorf("-heartbeat must be more than 0, got %v", o.heartbeat)
	case o.writeTimeout <= 0:
		return fmt.Errorf("-write-timeout must be more than 0, got %v", o.writeTimeout)
	}
	return nil
}
