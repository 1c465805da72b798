package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

// site is a cache in front of an origin, both at work.
type site struct {
	*httptest.Server
	cache    *cache
	requests atomic.Int64 // that the origin got
}

func newSite(t *testing.T, most int, memory int64, origin http.HandlerFunc) *site {
	temp := t.TempDir()
	for _, name := range []string{"TMPDIR", "TMP"} { // the second is for Windows
		t.Setenv(name, temp)
	}
	s := new(site)
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		s.requests.Add(1)
		origin(w, req)
	}))
	u, err := url.Parse(up.URL)
	if err != nil {
		t.Fatal(err)
	}
	s.cache = newCache(u, up.Client().Transport, most, memory)
	s.Server = httptest.NewServer(s.cache)
	t.Cleanup(func() {
		s.Close()
		s.cache.close()
		up.Close()
		if left, err := os.ReadDir(os.TempDir()); len(left) != 0 || err != nil {
			t.Errorf("the temporary directory holds %v, %v, want nothing", left, err)
		}
	})
	return s
}

// get returns what one client gets, once the download has settled.
func (s *site) get(path string) (status int, body string, err error) {
	defer s.cache.downloads.Wait()
	res, err := http.Get(s.URL + path)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	return res.StatusCode, string(data), err
}

// Many clients, some while the download goes on and some later, get the same from one download.
func TestOneDownloadManyClients(t *testing.T) {
	half := strings.Repeat("some bytes", 50_000)
	rest := make(chan struct{})
	s := newSite(t, 10, 1000, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Origin", "yes")
		io.WriteString(w, half)
		http.NewResponseController(w).Flush()
		<-rest
		io.WriteString(w, half)
	})
	var wg sync.WaitGroup
	var begun sync.WaitGroup
	for range 8 {
		begun.Add(1)
		wg.Go(func() {
			res, err := http.Get(s.URL + "/a?b=c")
			if err != nil {
				t.Error(err)
				begun.Done()
				return
			}
			defer res.Body.Close()
			first := make([]byte, len(half))
			_, err = io.ReadFull(res.Body, first)
			begun.Done() // it has half of it, and the download still waits
			if string(first) != half || err != nil || res.Header.Get("X-Origin") != "yes" {
				t.Errorf("an early client gets %d bytes, %v, %v", len(first), err, res.Header)
			}
			if data, err := io.ReadAll(res.Body); string(data) != half || err != nil {
				t.Errorf("an early client gets %d more bytes, %v, want %d", len(data), err, len(half))
			}
		})
	}
	begun.Wait()
	close(rest)
	wg.Wait()
	if status, body, err := s.get("/a?b=c"); status != 200 || body != half+half || err != nil {
		t.Errorf("a late client gets %d, %d bytes, %v", status, len(body), err)
	}
	if n := s.requests.Load(); n != 1 {
		t.Errorf("the origin got %d requests, want 1", n)
	}
}

// A download that fails midway fails for all its clients, and is tried again for the next.
func TestFailedDownload(t *testing.T) {
	for _, known := range []bool{true, false} { // whether the length is announced
		t.Run(fmt.Sprintf("length known: %t", known), func(t *testing.T) {
			var works atomic.Bool
			s := newSite(t, 10, 5, func(w http.ResponseWriter, _ *http.Request) {
				if known {
					w.Header().Set("Content-Length", "16")
				}
				io.WriteString(w, "one half")
				http.NewResponseController(w).Flush()
				if !works.Load() {
					panic(http.ErrAbortHandler)
				}
				io.WriteString(w, "and more")
			})
			for range 2 {
				if _, body, err := s.get("/"); err == nil {
					t.Errorf("a client of a download that fails gets %q without an error", body)
				}
			}
			works.Store(true)
			for range 2 {
				if _, body, err := s.get("/"); body != "one halfand more" || err != nil {
					t.Errorf("the client gets %q, %v, want both halves", body, err)
				}
			}
			if n := s.requests.Load(); n != 3 {
				t.Errorf("the origin got %d requests, want 3", n)
			}
		})
	}
}

func TestOldEntriesLeave(t *testing.T) {
	s := newSite(t, 2, 1, func(w http.ResponseWriter, req *http.Request) { fmt.Fprint(w, "this is ", req.URL) })
	for i, path := range []string{"/a", "/b", "/a", "/c", "/b", "/a"} {
		if status, body, err := s.get(path); status != 200 || body != "this is "+path || err != nil {
			t.Errorf("GET %s = %d, %q, %v", path, status, body, err)
		}
		if want := []int64{1, 2, 2, 3, 3, 4}[i]; s.requests.Load() != want {
			t.Errorf("after request %d, %s, the origin got %d, want %d", i, path, s.requests.Load(), want)
		}
	}
}

// A path that looks like another host is a path of the origin.
func TestNoOtherHost(t *testing.T) {
	s := newSite(t, 2, 1, func(w http.ResponseWriter, req *http.Request) { fmt.Fprint(w, "this is ", req.URL.Path) })
	for _, path := range []string{"//127.0.0.1:1/a", "//user@127.0.0.1:1/a", "/http://127.0.0.1:1/a"} {
		if status, body, err := s.get(path); status != 200 || body != "this is "+path || err != nil {
			t.Errorf("GET %s = %d, %q, %v, want it from the origin", path, status, body, err)
		}
	}
}

// No temporary file is left behind, though a client is still there when the cache is closed.
func TestCloseWaitsForClients(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	t.Setenv("TMP", temp)
	synctest.Test(t, func(t *testing.T) {
		c := newCache(&url.URL{Scheme: "http", Host: "origin"}, always("some bytes"), 2, 1)
		w := stuck{httptest.NewRecorder(), make(chan struct{})}
		go c.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
		synctest.Wait()
		closed := make(chan struct{})
		go func() {
			c.close()
			close(closed)
		}()
		synctest.Wait()
		select {
		case <-closed:
			t.Error("close does not wait for a client")
		default:
		}
		late := httptest.NewRecorder()
		if c.ServeHTTP(late, httptest.NewRequest(http.MethodGet, "/", nil)); late.Code != http.StatusServiceUnavailable {
			t.Errorf("GET of a closed cache = %d, want 503", late.Code)
		}
		close(w.gate)
		<-closed
		if left, err := os.ReadDir(temp); len(left) != 0 || err != nil {
			t.Errorf("the temporary directory holds %v, %v, want nothing", left, err)
		}
		if got := w.Body.String(); got != "some bytes" {
			t.Errorf("the client got %q, want all", got)
		}
	})
}

// always is an origin that always gives this answer.
type always string

func (body always) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(string(body)))}, nil
}

// stuck is a client that takes nothing until its gate is closed.
type stuck struct {
	*httptest.ResponseRecorder
	gate chan struct{}
}

func (s stuck) Write(p []byte) (int, error) {
	<-s.gate
	return s.ResponseRecorder.Write(p)
}

func TestErrorsAreNotKept(t *testing.T) {
	s := newSite(t, 2, 0, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "not here", http.StatusNotFound) })
	for range 2 {
		if status, body, err := s.get("/"); status != 404 || body != "not here\n" || err != nil {
			t.Errorf("GET = %d, %q, %v, want 404", status, body, err)
		}
	}
	if n := s.requests.Load(); n != 2 {
		t.Errorf("the origin got %d requests, want 2", n)
	}
	res, err := http.Post(s.URL, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST = %d, want 405", res.StatusCode)
	}
	s.cache.origin = &url.URL{Scheme: "http", Host: "127.0.0.1:1"} // nobody there
	if status, _, err := s.get("/"); status != http.StatusBadGateway || err != nil {
		t.Errorf("GET without an origin = %d, %v, want 502", status, err)
	}
}
