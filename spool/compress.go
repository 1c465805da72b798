package spool

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/sluice-go/sluice/internal/fsx"
)

// Compressor makes finished files smaller. [Gzip] is one; a few lines around a package for zstd make another.
type Compressor interface {
	// Ext is appended to the names of compressed files: ".gz", ".zst".
	Ext() string

	// NewWriter returns a writer that compresses to w. Its Close ends the compressed data and does not close w. It is
	// called by several goroutines at once.
	NewWriter(w io.Writer) (io.WriteCloser, error)
}

// Gzip returns a Compressor of package compress/gzip; level is gzip.BestSpeed to gzip.BestCompression, or
// gzip.DefaultCompression.
func Gzip(level int) Compressor {
	if _, err := gzip.NewWriterLevel(io.Discard, level); err != nil {
		panic(fmt.Sprintf("spool: Gzip: %v", err))
	}
	return gzipper(level)
}

type gzipper int

func (g gzipper) Ext() string { return ".gz" }

func (g gzipper) NewWriter(w io.Writer) (io.WriteCloser, error) {
	return gzip.NewWriterLevel(w, int(g))
}

// compress writes the file's messages, compressed, to a file of their own and syncs that. It may be called again after an
// error: it begins anew. If what it reads is not what was written, it sets the file aside, as [worker.rewrite] does: the
// file was not synced, so nobody has said yet whether the disk has kept it.
func (w *worker) compress() error {
	d := w.d
	name := filepath.Join(d.temp, w.finalName()+partSuffix)
	f, err := d.fs.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, d.o.Perm)
	if err != nil {
		return err
	}
	sum, err := w.compressTo(f)
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("compress %s: %w", name, err)
	}
	if sum != w.sum {
		return errors.Join(w.giveUpFile(), d.fs.Remove(name))
	}
	return nil
}

// compressTo returns the checksum of what it read.
func (w *worker) compressTo(f fsx.File) (sum uint32, err error) {
	z, err := w.d.o.Compress.NewWriter(f)
	if err != nil {
		return 0, err
	}
	if sum, err = copySum(z, w.f, w.sumFrom, w.size); err != nil {
		z.Close() // only to let go of what it holds
		return 0, err
	}
	if err := z.Close(); err != nil {
		return 0, err
	}
	return sum, f.Sync()
}
