package ratio

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"time"
)

// Machine returns a line on what the figures were measured with.
func Machine() string {
	return fmt.Sprintf("%s %s/%s, %s, GOMAXPROCS=%d", runtime.Version(), runtime.GOOS, runtime.GOARCH, cpuModel(),
		runtime.GOMAXPROCS(0))
}

// cpuModel returns the processor's name where the system tells it in a file.
func cpuModel() string {
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return "unknown CPU"
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if key, value, ok := strings.Cut(s.Text(), ":"); ok && strings.TrimSpace(key) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown CPU"
}

// Processors returns how many processors the program really gets now: how much faster all of GOMAXPROCS goroutines
// together work than one alone. Much less than GOMAXPROCS says that others use the machine, and that rows with many
// goroutines are not what they would be on a quiet one.
func Processors() float64 {
	n := runtime.GOMAXPROCS(0)
	alone := min(spinAll(1), spinAll(1), spinAll(1))
	return float64(n) * float64(alone) / float64(spinAll(n))
}

// quiet returns what Processors does, but waits until that is nearly all, or for as long as patience is left.
func quiet(patience *time.Duration) float64 {
	for start := time.Now(); ; {
		p := Processors()
		if waited := time.Since(start); p > 0.85*float64(min(runtime.GOMAXPROCS(0), runtime.NumCPU())) || waited > *patience {
			*patience = max(0, *patience-waited)
			return p
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// spinAll returns the time in which that many goroutines each do the same fixed work, some 10 ms.
func spinAll(goroutines int) time.Duration {
	start := time.Now()
	var wg sync.WaitGroup
	results := make([]uint64, goroutines)
	for i := range results {
		wg.Go(func() { results[i] = spin() })
	}
	wg.Wait()
	return time.Since(start)
}

// spin computes something that no compiler knows.
//
//go:noinline
func spin() (x uint64) {
	x = 1
	for range 8_000_000 {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
	}
	return x
}
