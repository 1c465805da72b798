package spool_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sluice-go/sluice/internal/fsx"
	"github.com/sluice-go/sluice/spool"
)

// What recovery sets aside outlives a power cut right after Open.
func TestWhatIsSetAsideLasts(t *testing.T) {
	for seed := range uint64(30) {
		for _, dir := range []string{"/out", "/finished"} { // the files that are left over are in /out
			setAsideAndPowerCut(t, dir, seed)
		}
	}
}

func setAsideAndPowerCut(t *testing.T, dir string, seed uint64) {
	other := strings.Replace(stem, "0123", "4567", 1)
	m := fsx.NewMem(fsx.MemOptions{})
	put(t, m, stem+".tmp", "a\ntorn")
	put(t, m, other+".stream", "half a message")
	makeLast(t, m, stem+".tmp", other+".stream")
	d, err := spool.OpenOn(spool.Disk(m, false), dir, spool.DirOptions{Prefix: "p-", TempDir: "/out"})
	if err != nil {
		t.Fatal(err)
	}
	after := m.PowerCut(seed)
	d.CloseContext(ended)
	if dir != "/out" { // where read looks
		if err := after.Rename(filepath.Join(dir, stem), filepath.Join("/out", stem)); err != nil {
			t.Error(err)
		}
	}
	for name, want := range map[string]string{stem: "a\n", stem + ".torn": "torn", other + ".incomplete": "half a message"} {
		if got := read(t, after, name); got != want {
			t.Errorf("seed %d: %s has %q, want %q", seed, name, got, want)
		}
	}
}

// makeLast syncs files in /out, and that.
func makeLast(t *testing.T, m *fsx.Mem, names ...string) {
	t.Helper()
	for _, name := range names {
		f, err := m.OpenFile(filepath.Join("/out", name), os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(f.Sync(), f.Close()); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(m.SyncDir("/"), m.SyncDir("/out")); err != nil {
		t.Fatal(err)
	}
}

// Of two files with the same messages, as a failed sync leaves, the one that has more of them is recovered.
func TestRecoveryOfTheBetterOne(t *testing.T) {
	for _, better := range []string{".tmp", ".again.tmp"} {
		m := fsx.NewMem(fsx.MemOptions{})
		put(t, m, stem+".tmp", "a\n")
		put(t, m, stem+".again.tmp", "a\n")
		put(t, m, stem+better, "a\nb\n")
		closed(t, opened(t, m, spool.DirOptions{}))
		if got, worse := read(t, m, stem), read(t, m, stem+".unsynced"); got != "a\nb\n" || worse != "a\n" {
			t.Errorf("%s is better: recovered %q, set aside %q", better, got, worse)
		}
	}
}
