package logs

import (
	"os"
	"syscall"
)

func dataSync(f *os.File) error { return syscall.Fdatasync(int(f.Fd())) }

// settle writes what others left to write, so that it is not written during the next run.
func settle() { syscall.Sync() }
