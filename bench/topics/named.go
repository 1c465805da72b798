package topics

import "sync"

// namedLog is what channelLog would be in a program: a value says which topic it comes from, as a reader of several has to
// know. Each topic has its list of channels; looked up once, it is a handle.
type namedLog struct {
	mu     sync.RWMutex
	topics map[string]*namedTopic
	all    []chan named
	how    how
}

type namedTopic struct {
	name    string
	mu      sync.RWMutex
	readers []chan named
}

type named struct {
	topic string
	value int64
}

func newNamedChannels(how how) Log { return &namedLog{topics: map[string]*namedTopic{}, how: how} }

func (l *namedLog) Publish(n int) {
	if l.how&handles == 0 {
		for i := range n {
			l.publish(names[i%Count], int64(i))
		}
		return
	}
	var topics [Count]*namedTopic
	for i, name := range names {
		topics[i] = l.topics[name]
	}
	for i := range n {
		if t := topics[i%Count]; t != nil {
			t.publish(int64(i))
		}
	}
}

// publish has one lock for names and lists, which costs less than one for each.
func (l *namedLog) publish(topic string, v int64) {
	l.mu.RLock()
	if t := l.topics[topic]; t != nil {
		t.send(v)
	}
	l.mu.RUnlock()
}

func (t *namedTopic) publish(v int64) {
	t.mu.RLock()
	t.send(v)
	t.mu.RUnlock()
}

func (t *namedTopic) send(v int64) {
	for _, ch := range t.readers {
		ch <- named{t.name, v}
	}
}

func (l *namedLog) Close() {
	for _, ch := range l.all {
		close(ch)
	}
}

func (l *namedLog) Reader() func() Tally {
	ch := make(chan named, capacity)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, ch)
	for _, name := range names {
		t := l.topics[name]
		if t == nil {
			t = &namedTopic{name: name}
			l.topics[name] = t
		}
		t.mu.Lock()
		t.readers = append(t.readers, ch)
		t.mu.Unlock()
	}
	return func() (t Tally) {
		for m := range ch {
			seeNamed(&t, m.topic, m.value)
		}
		return t
	}
}
