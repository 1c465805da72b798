package diskq_test

import (
	"strconv"
	"testing"

	"github.com/sluice-go/sluice"
	"github.com/sluice-go/sluice/diskq"
	"github.com/sluice-go/sluice/internal/fsx"
	"github.com/sluice-go/sluice/sourcetest"
)

// conform holds queues in memory with these options to the contract.
func conform(t *testing.T, o diskq.Options, disk fsx.MemOptions) {
	open := func(t testing.TB, m *fsx.Mem) sluice.Log[string] {
		q, err := diskq.Open("queue", diskq.String(), diskq.On(o, m))
		if err != nil {
			t.Fatal(err)
		}
		return memLog{q, m}
	}
	sourcetest.Test(t, sourcetest.Config[string]{
		New:    func(t testing.TB) sluice.Log[string] { return open(t, fsx.NewMem(disk)) },
		Value:  func(n int64) string { return strconv.FormatInt(n, 10) },
		Reopen: func(t testing.TB, closed sluice.Log[string]) sluice.Log[string] { return open(t, closed.(memLog).m) },
	})
}

type memLog struct {
	*diskq.DiskQueue[string]
	m *fsx.Mem
}

func TestConformance(t *testing.T) {
	for name, o := range map[string]diskq.Options{
		"written":        {},
		"buffered":       {Durability: diskq.Buffered},
		"durable":        {Durability: diskq.Durable},
		"small":          {SegmentBytes: 4096},
		"small buffered": {SegmentBytes: 4096, Durability: diskq.Buffered},
	} {
		t.Run(name, func(t *testing.T) { conform(t, o, fsx.MemOptions{}) })
		if o.Durability == diskq.Written {
			t.Run(name+" mapped", func(t *testing.T) { conform(t, o, fsx.MemOptions{Maps: true}) })
		}
	}
}
