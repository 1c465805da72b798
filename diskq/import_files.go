package diskq

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/sluice-go/sluice/internal/fsx"
)

// nsqSource is a go-diskqueue directory: name.diskqueue.NNNNNN.dat holds messages, each an int32 length (big-endian) and the
// bytes, whichever of its rules decided where a file ends; name.diskqueue.meta.dat says where reading and writing go on.
type nsqSource struct {
	fs        fsx.FS
	dir, name string
	files     []int64 // their numbers, sorted
}

// An nsqPlace is where a message begins.
type nsqPlace struct {
	File int64
	Pos  int64
}

func (p nsqPlace) String() string { return fmt.Sprintf("file %06d, byte %d", p.File, p.Pos) }

// An nsqBatch is what was read up to end.
type nsqBatch struct {
	messages [][]byte
	end      nsqPlace
	damage   []ImportDamage
}

func (s *nsqSource) path(file int64) string {
	return join(s.dir, fmt.Sprintf("%s.diskqueue.%06d.dat", s.name, file))
}

// list finds the files, and returns those that were given up.
func (s *nsqSource) list() (bad []string, err error) {
	entries, err := s.fs.ReadDir(s.dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		rest, ok := strings.CutPrefix(e.Name(), s.name+".diskqueue.")
		if !ok {
			continue
		}
		if strings.HasSuffix(rest, ".bad") {
			bad = append(bad, e.Name())
			continue
		}
		digits, ok := strings.CutSuffix(rest, ".dat")
		n, err := strconv.ParseInt(digits, 10, 64)
		if ok && err == nil && s.path(n) == join(s.dir, e.Name()) {
			s.files = append(s.files, n)
		}
	}
	slices.Sort(s.files)
	if len(s.files) == 0 && len(bad) == 0 {
		if _, err := s.fs.Stat(s.metadata()); err != nil {
			return nil, fmt.Errorf("there is no queue of that name: no file %s.diskqueue.*", s.name)
		}
	}
	return bad, nil
}

func (s *nsqSource) metadata() string { return join(s.dir, s.name+".diskqueue.meta.dat") }

// start returns where reading begins: where the metadata says, if that is the beginning of a message; or, with the reason, of
// the first message that was not read for certain.
func (s *nsqSource) start() (at nsqPlace, why, err error) {
	if len(s.files) == 0 {
		return at, nil, nil
	}
	oldest := nsqPlace{File: s.files[0]}
	data, err := fsx.ReadFile(s.fs, s.metadata())
	if errors.Is(err, fs.ErrNotExist) {
		return oldest, errors.New("there is no metadata: reading begins with the oldest file"), nil
	}
	if err != nil {
		return at, nil, err
	}
	var depth, writeFile, writePos int64
	_, err = fmt.Sscanf(string(data), "%d\n%d,%d\n%d,%d\n", &depth, &at.File, &at.Pos, &writeFile, &writePos)
	if err != nil || at.File < 0 || at.Pos < 0 {
		return oldest, fmt.Errorf("the metadata %q is damaged: reading begins with the oldest file", data), nil
	}
	i, ok := slices.BinarySearch(s.files, at.File)
	switch {
	case !ok && i == len(s.files) && at.File > s.files[i-1]+1:
		return oldest, fmt.Errorf("the metadata says %v, far behind the newest file: reading begins with the oldest file", at), nil
	case !ok:
		return nsqPlace{File: at.File}, nil, nil // it was read, and removed; or is not there yet
	}
	begin, err := s.boundary(at)
	if err == nil && begin != at.Pos {
		why = fmt.Errorf("the metadata says %v, which is inside of a message or behind the end: reading begins at byte %d", at, begin)
	}
	return nsqPlace{at.File, begin}, why, err
}

// boundary returns where the message begins that at is in: at.Pos itself, if all is well; if there is no message, the end of the
// last one before.
func (s *nsqSource) boundary(at nsqPlace) (int64, error) {
	r, err := s.open(at.File, 0)
	if err != nil {
		return 0, err
	}
	defer r.file.Close()
	for r.pos < at.Pos {
		before := r.pos
		ok, _, err := r.next()
		if err != nil {
			return 0, err
		}
		switch {
		case r.bad != nil:
			return at.Pos, nil // what is damaged there was read
		case !ok || r.pos > at.Pos:
			return before, nil
		}
	}
	return r.pos, nil
}

// read returns up to that many messages from at on, of about so many bytes. At the end of all files it returns none, and
// end is where the next message will be.
func (s *nsqSource) read(at nsqPlace, most int, size int64) (b nsqBatch, err error) {
	b.end = at
	i, _ := slices.BinarySearch(s.files, at.File)
	for ; i < len(s.files) && len(b.messages) < most && size > 0; i++ {
		if b.end.File != s.files[i] {
			b.end = nsqPlace{File: s.files[i]}
		}
		done, err := s.readFile(&b, most, &size)
		if err != nil || !done {
			return b, err
		}
		if i+1 < len(s.files) {
			b.end = nsqPlace{File: s.files[i+1]}
		}
	}
	return b, nil
}

// readFile reads messages from b.end on, and reports whether it came to the end of the file.
func (s *nsqSource) readFile(b *nsqBatch, most int, size *int64) (done bool, err error) {
	r, err := s.open(b.end.File, b.end.Pos)
	if err != nil {
		return false, err
	}
	defer r.file.Close()
	for len(b.messages) < most && *size > 0 {
		ok, m, err := r.next()
		if err != nil {
			return false, err
		}
		b.end.Pos = r.pos
		if ok {
			b.messages = append(b.messages, m)
			*size -= int64(len(m)) + frameHeader
			continue
		}
		if r.bad != nil {
			b.damage = append(b.damage, ImportDamage{File: s.path(b.end.File), Pos: r.pos, Bytes: r.size - r.pos, Err: r.bad})
			b.end.Pos = r.size // what is appended to a file that was given up is not found again: go-diskqueue begins another
		}
		return true, nil
	}
	return false, nil
}

// An nsqReader reads the messages of one file.
type nsqReader struct {
	file fsx.File
	r    *bufio.Reader
	pos  int64 // of the next message
	size int64
	bad  error // what is wrong at pos
}

func (s *nsqSource) open(file, pos int64) (*nsqReader, error) {
	f, err := s.fs.OpenFile(s.path(file), os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	size, err := f.Size()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	r := io.NewSectionReader(f, pos, max(0, size-pos))
	return &nsqReader{file: f, r: bufio.NewReaderSize(r, blockSize), pos: pos, size: size}, nil
}

// next returns the next message. There is none at the end of the file, nor where something is bad.
func (r *nsqReader) next() (ok bool, m []byte, err error) {
	left := r.size - r.pos
	if left <= 0 {
		return false, nil, nil
	}
	head, err := r.r.Peek(int(min(left, 4)))
	if err != nil {
		return false, nil, err
	}
	if left < 4 {
		r.bad = fmt.Errorf("%d bytes are no length of a message", left)
		return false, nil, nil
	}
	n := int64(int32(binary.BigEndian.Uint32(head)))
	switch {
	case n < 0 || n > left-4:
		r.bad = fmt.Errorf("a message of %d bytes, and %d follow", n, left-4)
	case n == 0 && left >= zerosAreDamage:
		var zeros bool
		if zeros, err = r.zeros(left); zeros {
			r.bad = fmt.Errorf("%d zeros, as a loss of power leaves them", left)
		}
	}
	if r.bad != nil || err != nil {
		return false, nil, err
	}
	m = make([]byte, n)
	r.r.Discard(4)
	if _, err := io.ReadFull(r.r, m); err != nil {
		return false, nil, err
	}
	r.pos += 4 + n
	return true, m, nil
}

// zeros reports whether the rest of the file, of left bytes, holds nothing else.
func (r *nsqReader) zeros(left int64) (bool, error) {
	buf := make([]byte, 64<<10)
	for at := r.size - left; at < r.size; {
		n, err := r.file.ReadAt(buf[:min(int64(len(buf)), r.size-at)], at)
		if err != nil && err != io.EOF || n == 0 {
			return false, err
		}
		if slices.ContainsFunc(buf[:n], func(b byte) bool { return b != 0 }) {
			return false, nil
		}
		at += int64(n)
	}
	return true, nil
}

const (
	importPrefix = "import-nsq-"
	importSuffix = ".json"
)

func importFile(name string) string {
	return importPrefix + strings.TrimSuffix(strings.TrimPrefix(bookmarkFile(name), bookmarkPrefix), bookmarkSuffix) + importSuffix
}

func isImport(file string) bool {
	file = strings.TrimSuffix(file, temporarySuffix)
	return strings.HasPrefix(file, importPrefix) && strings.HasSuffix(file, importSuffix)
}

// A savedProgress is what is in the file.
type savedProgress struct {
	Progress progress
	CRC      uint32 // of Progress as JSON
}

// load returns the progress of an earlier call, or nil.
func (im *importer) load() (*progress, error) {
	data, err := fsx.ReadFile(im.w.fs, im.record)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var s savedProgress
	if err := json.Unmarshal(data, &s); err == nil {
		if b, err := json.Marshal(s.Progress); err == nil && crc32.Checksum(b, castagnoli) == s.CRC {
			return &s.Progress, nil
		}
	}
	return nil, fmt.Errorf("%s, which says how far an earlier call came, is damaged: look what the queue holds, and remove it", im.record)
}

// save makes the progress last.
func (im *importer) save(p *progress) error {
	b, err := json.Marshal(p)
	if err != nil {
		return err
	}
	data, err := json.Marshal(savedProgress{*p, crc32.Checksum(b, castagnoli)})
	if err != nil {
		return err
	}
	f, err := replaceFile(im.w.fs, im.w.dir, im.record, data)
	if err != nil {
		return err
	}
	return f.Close()
}

// replaceFile makes data what a file holds, at once and for good, and returns the file, open.
func replaceFile(fsys fsx.FS, dir, name string, data []byte) (fsx.File, error) {
	f, err := fsys.OpenFile(name+temporarySuffix, openCreate, 0o600)
	if err != nil {
		return nil, err
	}
	_, err = f.WriteAt(data, 0)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	if err := fsys.Rename(name+temporarySuffix, name); err != nil {
		return nil, err
	}
	if f, err = fsys.OpenFile(name, openReadWrite, 0); err != nil {
		return nil, err
	}
	// Where directories can't be synced (Windows) it is the sync of a file behind the rename that makes the name last.
	if err := errors.Join(f.Sync(), fsys.SyncDir(dir)); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
