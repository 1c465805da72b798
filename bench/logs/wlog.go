package logs

import (
	"errors"
	"io"
	"log/slog"

	"github.com/prometheus/prometheus/tsdb/wlog"
)

// wlogLog is the write-ahead log of Prometheus: pages of 32 KiB, one write for each call.
type wlogLog struct{ *wlog.WL }

func openWlog(dir string) (Log, error) {
	l, err := wlog.New(slog.New(slog.NewTextHandler(io.Discard, nil)), nil, dir, wlog.CompressionNone)
	return wlogLog{l}, err
}

func (l wlogLog) Append(p []byte) error { return l.Log(p) }

func (l wlogLog) AppendAll(ps [][]byte) error { return l.Log(ps...) }

func readWlog(dir string, f func(p []byte) error) error {
	segments, err := wlog.NewSegmentsReader(dir)
	if err != nil {
		return err
	}
	r := wlog.NewReader(segments)
	for r.Next() {
		if err := f(r.Record()); err != nil {
			return errors.Join(err, segments.Close())
		}
	}
	return errors.Join(r.Err(), segments.Close())
}
