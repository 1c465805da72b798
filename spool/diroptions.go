package spool

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// DirOptions of a [Dir]. With the zero value files of newline-framed messages are finished when they have 64 MiB or are a
// minute old.
type DirOptions struct {
	// Workers is how many files are written at once, each by a goroutine with buffers of its own. More help while files
	// are synced or compressed. While the first keeps up, nearly all goes there. 0: one for each processor, at least 2.
	Workers int

	// BufferBytes is the size of a buffer; each worker has two, made by Open. Larger messages are not buffered. 0: 256 KiB.
	BufferBytes int

	// MaxFileBytes is how large a file gets, before compression; at least BufferBytes. Only a single message that is
	// larger makes a larger file. 0: 64 MiB.
	MaxFileBytes int64

	// MaxFileAge is how long after its first message was accepted a file is finished, if the disk keeps up. 0: a minute.
	// Negative: files are finished by size, Flush and Close only.
	MaxFileAge time.Duration

	// TempDir is where files are while they are written, on the same file system. Empty: in the directory itself, with names
	// that end in .tmp. What was left over in another TempDir, or with another Prefix, is not looked for.
	TempDir string

	// Prefix is what names of files begin with, so that several Dirs can share a directory. It may be empty.
	Prefix string

	// Ext is what names of files end with, before that of Compress. Empty: ".log".
	Ext string

	// Perm is the permission of files, before umask. 0: 0644. It must let the owner read and write.
	Perm fs.FileMode

	// Framing is how messages stand in a file. The zero value is Lines.
	Framing Framing

	// Timeout is how long a message waits for a worker that has room before it is refused with [ErrFull]. 0: one second.
	Timeout time.Duration

	// Compress makes finished files smaller. Nil: they stay as they are.
	Compress Compressor

	// OnFile is called for each finished file, when it is on stable storage under its name; path is that. It is called by
	// the worker's goroutine, which it holds up, so by several at once; and by Open for what it recovers. A process that
	// dies may not have come to call it: what is in the directory at the start was perhaps not told. It must not call
	// Flush or Close, which wait for it.
	OnFile func(path string, info FileInfo)

	// Check is called by Open for each message of a file that was left over; an error ends the recovered part there. Nil:
	// what Framing says. [OpenSink] decodes.
	Check func(message []byte) error

	// RetryAfter is how long a worker waits after the disk has failed; it doubles up to RetryMost. 0: 10 ms and 1 s.
	RetryAfter, RetryMost time.Duration

	// CloseWithin is how long Close tries to write what is left. 0: ten seconds. Negative: for as long as it takes.
	CloseWithin time.Duration
}

// FileInfo is about a finished file.
type FileInfo struct {
	Messages  int64
	Bytes     int64     // of the messages as they are framed, before compression
	Begun     time.Time // when it was created
	Recovered bool      // it was left over by a process that died
}

func (o DirOptions) checked() (DirOptions, error) {
	for field, v := range map[string]int64{
		"Workers": int64(o.Workers), "BufferBytes": int64(o.BufferBytes), "MaxFileBytes": o.MaxFileBytes,
		"Timeout": int64(o.Timeout), "RetryAfter": int64(o.RetryAfter), "RetryMost": int64(o.RetryMost),
	} {
		if v < 0 {
			return o, fmt.Errorf("spool: DirOptions.%s must not be negative, got %d", field, v)
		}
	}
	o.Workers = orDefault(o.Workers, max(2, runtime.GOMAXPROCS(0)))
	o.BufferBytes = orDefault(o.BufferBytes, defaultBufferBytes)
	o.MaxFileBytes = orDefault(o.MaxFileBytes, max(64<<20, int64(o.BufferBytes)))
	o.MaxFileAge = orDefault(o.MaxFileAge, time.Minute)
	o.Ext = orDefault(o.Ext, ".log")
	o.Perm = orDefault(o.Perm, 0o644)
	o.Timeout = orDefault(o.Timeout, time.Second)
	o.RetryAfter = orDefault(o.RetryAfter, 10*time.Millisecond)
	o.RetryMost = max(orDefault(o.RetryMost, time.Second), o.RetryAfter)
	o.CloseWithin = orDefault(o.CloseWithin, 10*time.Second)
	switch {
	case o.MaxFileBytes < int64(o.BufferBytes):
		return o, fmt.Errorf("spool: DirOptions.MaxFileBytes must be at least BufferBytes, %d, got %d", o.BufferBytes, o.MaxFileBytes)
	case o.Framing != Lines && o.Framing != Lengths:
		return o, fmt.Errorf("spool: DirOptions.Framing must be Lines or Lengths, got %d", o.Framing)
	case o.Perm&^fs.ModePerm != 0 || o.Perm&0o600 != 0o600:
		return o, fmt.Errorf("spool: DirOptions.Perm must be permission bits with at least 0600, got %v", o.Perm)
	case strings.ContainsAny(o.Prefix+o.Ext, `/\`) || !strings.HasPrefix(o.Ext, "."):
		return o, fmt.Errorf(`spool: DirOptions.Prefix and Ext must be parts of a file name, Ext with a dot in front, got %q and %q`,
			o.Prefix, o.Ext)
	case o.Compress != nil && !oneExt(o.Compress.Ext()):
		return o, fmt.Errorf(`spool: Ext of DirOptions.Compress must be a dot and a name, got %q`, o.Compress.Ext())
	case reservedExt(o.Ext) || o.Compress != nil && reservedExt(o.Compress.Ext()):
		return o, fmt.Errorf("spool: DirOptions.Ext and that of Compress must not be one that marks unfinished files, got %q",
			o.Ext)
	}
	return o, nil
}

// oneExt reports whether filepath.Ext finds ext again.
func oneExt(ext string) bool { return len(ext) > 1 && filepath.Ext("x"+ext) == ext }

func reservedExt(ext string) bool {
	switch ext {
	case tempSuffix, againSuffix, partSuffix, streamSuffix, probeSuffix, lockSuffix, tornSuffix, incompleteSuffix, unsyncedSuffix:
		return true
	}
	return false
}
