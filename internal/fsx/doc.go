// Package fsx is the file system that the stores on disk are written against: [OS], the real one, and [Mem], one in memory
// that can do to its caller everything that a real one does once in a bad year.
//
// # Usage
//
//	m := fsx.NewMem(fsx.MemOptions{})
//	m.Inject(fsx.Nth(3, syscall.EIO, fsx.OpSync))   // the fourth fsync fails
//	…
//	disk := m.PowerCut(seed)                        // what a power cut at this moment leaves, one of many possible outcomes
//
// # Concurrency
//
// A file system is safe for concurrent use. A File is safe for concurrent use as far as ReadAt, WriteAt, Size and Sync go;
// Read and Write move one position and take turns.
//
// # Loss
//
// What a power cut may take is what POSIX lets it take, which is more than any one file system does: see [Mem.PowerCut].
//
// # Errors
//
// Errors are *fs.PathError or *os.LinkError, as those of package os, so errors.Is(err, fs.ErrNotExist) and
// errors.Is(err, syscall.ENOSPC) work on both file systems.
package fsx
