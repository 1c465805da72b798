package spool

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
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
// error: it begins anew.
func (w *worker) compress() (err error) {
	d := w.d
	name := filepath.Join(d.temp, w.name+d.o.Compress.Ext()+partSuffix)
	f, err := d.fs.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, d.o.Perm)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	z, err := d.o.Compress.NewWriter(f)
	if err != nil {
		return fmt.Errorf("compress %s: %w", name, err)
	}
	if _, err := io.Copy(z, io.NewSectionReader(w.f, 0, w.size)); err != nil {
		z.Close() // only to let go of what it holds
		return fmt.Errorf("compress %s: %w", name, err)
	}
	if err := z.Close(); err != nil {
		return fmt.Errorf("compress %s: %w", name, err)
	}
	return f.Sync()
}
