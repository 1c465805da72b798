package diskq_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/sluice-go/sluice/diskq"
)

// A real power cut, of a disk that is a file: ext4 on a loop device that commits nothing unasked for ten minutes. While
// a process writes, it is stopped in its tracks, and the file copied: the copy is what a disk holds when the power goes.
// What the copy holds once it is mounted must be all that was acknowledged by then. It needs root, and -exhaustive.
func TestPowerCutOfALoopDevice(t *testing.T) {
	if !*exhaustive {
		t.Skip("it needs -exhaustive, and root")
	}
	work := t.TempDir()
	image := filepath.Join(work, "disk")
	run := func(name string, args ...string) error {
		if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
			return fmt.Errorf("%s %v: %w: %s", name, args, err, out)
		}
		return nil
	}
	must(t, run("truncate", "-s", "256M", image))
	if err := run("mkfs.ext4", "-q", "-F", image); err != nil {
		t.Skip(err)
	}
	mounted := filepath.Join(work, "mounted")
	must(t, os.Mkdir(mounted, 0o700))
	if err := run("mount", "-o", "loop,commit=600", image, mounted); err != nil {
		t.Skip(err)
	}
	copies := copyWhileWriting(t, mounted, image, run)
	must(t, run("umount", mounted))
	for _, c := range copies {
		if err := run("mount", "-o", "loop", c.image, mounted); err != nil {
			t.Fatal(err)
		}
		checkCopy(t, filepath.Join(mounted, "queue"), c)
		must(t, run("umount", mounted))
		must(t, os.Remove(c.image))
	}
}

// A copied disk, and what had been acknowledged before it was copied.
type copied struct {
	image string
	acked int64
}

func copyWhileWriting(t *testing.T, mounted, image string, run func(string, ...string) error) (copies []copied) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), fmt.Sprintf("SLUICE_CHILD=%s|%d", filepath.Join(mounted, "queue"), diskq.Durable))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	defer cmd.Wait()
	defer cmd.Process.Kill()
	var acked atomic.Int64
	first := make(chan struct{})
	go func() {
		for lines := bufio.NewScanner(out); lines.Scan(); {
			var off, n int64
			if c, _ := fmt.Sscan(lines.Text(), &off, &n); c == 2 && off+n > acked.Load() {
				if acked.Swap(off+n) == 0 {
					close(first)
				}
			}
		}
	}()
	<-first
	for i := range 5 {
		time.Sleep(time.Duration(50+i*70) * time.Millisecond) // of the disk's time: there is nothing to wait for
		c := copied{image: fmt.Sprintf("%s.%d", image, i), acked: acked.Load()}
		must(t, cmd.Process.Signal(syscall.SIGSTOP))
		must(t, run("cp", "--sparse=always", image, c.image))
		must(t, cmd.Process.Signal(syscall.SIGCONT))
		copies = append(copies, c)
	}
	return copies
}

func checkCopy(t *testing.T, dir string, c copied) {
	q, err := diskq.Open(dir, diskq.String(), diskq.Options{Durability: diskq.Durable})
	must(t, err)
	r, err := readAll(q)
	must(t, err)
	if int64(r.next) < c.acked || len(r.gaps) > 0 || q.Stats().Recovery.NewEpoch {
		t.Errorf("after the power cut the end is %d, want at least %d; gaps %v, want none", r.next, c.acked, r.gaps)
	}
	t.Logf("%d values were acknowledged, %d are there; recovery %+v", c.acked, r.next, q.Stats().Recovery)
	must(t, q.Close())
}
