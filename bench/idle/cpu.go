//go:build unix

package idle

import (
	"syscall"
	"time"
)

// cpuTime returns the processor time, user and system, that the process has taken so far.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err) // it knows no error but a wrong argument
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// settle returns when the process does nothing: when it took less than a twentieth of one processor for 2 ms. A log does
// not tell who waits, but a reader that does not wait runs.
func settle() {
	const window = 2 * time.Millisecond
	for {
		before := cpuTime()
		time.Sleep(window)
		if cpuTime()-before < window/20 {
			return
		}
	}
}

// Cost returns the processor time that the process takes in the time d, in which the caller does nothing.
func Cost(d time.Duration) time.Duration {
	before := cpuTime()
	time.Sleep(d)
	return cpuTime() - before
}
