package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"sync"

	"github.com/sluice-go/sluice/replay"
)

// A cache answers GET requests from an origin.
type cache struct {
	origin    *url.URL
	transport http.RoundTripper
	most      int                // entries
	memory    int64              // of each
	stop      context.CancelFunc // ends the downloads
	download  func(*entry)       // runs one until stop
	downloads sync.WaitGroup
	clients   sync.WaitGroup

	mu      sync.Mutex
	closed  bool
	entries map[string]*entry
	order   []string // the keys of complete entries, oldest first
}

// An entry is one answer of the origin, or one that is on its way.
type entry struct {
	key   string
	ready chan struct{} // closed when the rest is set
	err   error         // there is no answer
	head  *http.Response
	body  *replay.Buffer
}

func newCache(origin *url.URL, transport http.RoundTripper, most int, memory int64) *cache {
	ctx, stop := context.WithCancel(context.Background())
	c := &cache{origin: origin, transport: transport, most: most, memory: memory, stop: stop, entries: map[string]*entry{}}
	c.download = func(e *entry) { c.settle(e, c.fill(ctx, e)) }
	return c
}

// close ends the downloads, drops everything, and waits for the clients: the last one who reads a temporary file deletes it.
// Close their connections before.
func (c *cache) close() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.stop()
	c.downloads.Wait()
	c.mu.Lock()
	for _, e := range c.entries {
		drop(e)
	}
	clear(c.entries)
	c.mu.Unlock()
	c.clients.Wait()
}

func (c *cache) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if req.Method != http.MethodGet {
		http.Error(w, "only GET is cached", http.StatusMethodNotAllowed)
		return
	}
	e, r := c.find(req.URL.RequestURI())
	if e == nil {
		http.Error(w, "the cache is closed", http.StatusServiceUnavailable)
		return
	}
	defer c.clients.Done()
	defer r.Close()
	select {
	case <-e.ready:
	case <-req.Context().Done():
		return
	}
	if e.err != nil {
		http.Error(w, e.err.Error(), http.StatusBadGateway)
		return
	}
	maps.Copy(w.Header(), e.head.Header)
	w.WriteHeader(e.head.StatusCode)
	if _, err := r.WriteToContext(req.Context(), flushed{w, http.NewResponseController(w)}); err != nil {
		panic(http.ErrAbortHandler) // breaks the connection off: the client sees that it is not complete
	}
}

// find returns the entry of key with a reader of its own, and starts a download if there is none. It returns nil if c is closed,
// and else counts a client.
func (c *cache) find(key string) (*entry, *replay.BufferReader) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, nil
	}
	c.clients.Add(1)
	e := c.entries[key]
	if e == nil {
		e = &entry{key: key, ready: make(chan struct{}), body: replay.NewBuffer(replay.BufferOptions{SpillBytes: c.memory})}
		c.entries[key] = e
		c.downloads.Go(func() { c.download(e) })
	}
	return e, e.body.NewReader() // under mu, so before it may be removed
}

// fill gets e from the origin. It belongs to no client: none that leaves disturbs the others.
func (c *cache) fill(ctx context.Context, e *entry) error {
	res, err := c.get(ctx, e.key)
	if err != nil {
		e.err = err
		close(e.ready)
		e.body.CloseWithError(err)
		return err
	}
	defer res.Body.Close()
	e.head = res
	close(e.ready)
	_, err = e.body.ReadFrom(res.Body)
	return cmp.Or(err, e.body.CloseWithError(err))
}

func (c *cache) get(ctx context.Context, key string) (*http.Response, error) {
	u, err := url.ParseRequestURI(key) // not origin.Parse, which takes //other.example/ for another host
	if err != nil {
		return nil, err
	}
	u.Scheme, u.Host = c.origin.Scheme, c.origin.Host
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	return c.transport.RoundTrip(req)
}

// settle keeps what is complete, and drops it if it is not, and what is too old.
func (c *cache) settle(e *entry, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil || e.head.StatusCode != http.StatusOK {
		delete(c.entries, e.key)
		drop(e)
		return
	}
	if c.order = append(c.order, e.key); len(c.order) > c.most {
		old := c.order[0]
		c.order = c.order[1:]
		drop(c.entries[old])
		delete(c.entries, old)
	}
}

// drop removes e's temporary file as soon as no client reads it any more.
func drop(e *entry) {
	if err := e.body.Remove(); err != nil {
		fmt.Fprintln(os.Stderr, "httpcache:", err)
	}
}

// flushed passes on each piece at once.
type flushed struct {
	w io.Writer
	c *http.ResponseController
}

func (f flushed) Write(p []byte) (int, error) {
	n, err := f.w.Write(p)
	if err != nil {
		return n, err
	}
	return n, f.c.Flush()
}
