package topics

import "sync"

// channelLog has a channel for each reader, which is entered for each topic that the reader follows. The slowest reader stops
// everybody. Its readers are not told where a value comes from: these have numbers, but see namedLog.
type channelLog struct {
	mu      sync.RWMutex
	readers map[string][]chan int64
	all     []chan int64
}

func newChannels() Log { return &channelLog{readers: map[string][]chan int64{}} }

func (l *channelLog) Publish(n int) {
	for i := range n {
		l.publish(names[i%Count], int64(i))
	}
}

func (l *channelLog) publish(topic string, v int64) {
	l.mu.RLock()
	for _, ch := range l.readers[topic] {
		ch <- v
	}
	l.mu.RUnlock()
}

func (l *channelLog) Close() {
	for _, ch := range l.all {
		close(ch)
	}
}

func (l *channelLog) Reader() func() Tally {
	ch := make(chan int64, capacity)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, ch)
	for _, topic := range names {
		l.readers[topic] = append(l.readers[topic], ch)
	}
	return func() (t Tally) {
		for v := range ch {
			see(&t, v)
		}
		return t
	}
}
