package spool

import (
	"crypto/rand"
	"encoding/hex"
	"strings"
	"sync"
	"time"
)

// The files of a Dir are called
//
//	prefix 20060102T150405.000000000 - 0123456789abcdef ext
//
// after the moment when they were begun (UTC) and the Dir, a random number that each Open draws. While a file is written,
// or if the process died, something that says so comes behind that.
const (
	stampLayout = "20060102T150405.000000000"
	idLen       = 16

	tempSuffix       = ".tmp"        // a file that is being written
	againSuffix      = ".again"      // in front of .tmp: the same messages again, as the disk failed to keep the first file
	partSuffix       = ".part"       // what a file is being compressed to
	streamSuffix     = ".stream"     // one message that WriteFrom is reading
	probeSuffix      = ".probe"      // what Open tries the directories with
	lockSuffix       = ".lock"       // held while the Dir is open
	tornSuffix       = ".torn"       // set aside: the end of a file that died, or all of it, where no whole message is
	incompleteSuffix = ".incomplete" // set aside: a message whose writer died, or a half compressed file
	unsyncedSuffix   = ".unsynced"   // set aside: the disk failed to keep it
)

// namer gives names that sort in the order in which they were given, and behind all that were seen.
type namer struct {
	prefix, ext, id string

	mu   sync.Mutex
	last time.Time
}

func newID() string {
	var b [idLen / 2]byte
	rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// next returns a new name, without a suffix.
func (n *namer) next() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	now := time.Now().UTC().Round(0) // wall time, as it is in the name
	if !now.After(n.last) {
		now = n.last.Add(1)
	}
	n.last = now
	return n.prefix + now.Format(stampLayout) + "-" + n.id + n.ext
}

// saw makes later names sort behind that one: the clock may have been set back.
func (n *namer) saw(stamp time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if stamp.After(n.last) {
		n.last = stamp
	}
}

// parsed is a name taken apart.
type parsed struct {
	base  string // up to and with the id
	stamp time.Time
	id    string
	rest  string // ext and suffix
}

// parse takes a name apart; ok is false if no Dir with this prefix gave it.
func (n *namer) parse(name string) (p parsed, ok bool) {
	rest, ok := strings.CutPrefix(name, n.prefix)
	if !ok || len(rest) < len(stampLayout)+1+idLen || rest[len(stampLayout)] != '-' {
		return parsed{}, false
	}
	stamp, err := time.Parse(stampLayout, rest[:len(stampLayout)])
	id := rest[len(stampLayout)+1:][:idLen]
	if _, bad := hex.DecodeString(id); err != nil || bad != nil {
		return parsed{}, false
	}
	rest = rest[len(stampLayout)+1+idLen:]
	return parsed{strings.TrimSuffix(name, rest), stamp, id, rest}, true
}

// lockName is of the file that says that the Dir with that id is open.
func (n *namer) lockName(id string) string { return n.prefix + id + lockSuffix }

// lockID is the other way round.
func (n *namer) lockID(name string) (id string, ok bool) {
	id, ok = strings.CutPrefix(name, n.prefix)
	if ok {
		id, ok = strings.CutSuffix(id, lockSuffix)
	}
	_, err := hex.DecodeString(id)
	return id, ok && err == nil && len(id) == idLen
}
