package topics

import (
	"encoding/binary"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// natsLog is a NATS server in this process, with connections that are pipes in memory. Each reader has a connection of its
// own, and one subscription, by a wildcard, for all topics and the end: one for each topic would have a goroutine for each.
type natsLog struct {
	server    *server.Server
	publisher *nats.Conn
}

const (
	natsAll = "topic.*"
	natsEnd = "topic.end"
)

func newNATS() Log {
	s, err := server.NewServer(&server.Options{
		DontListen: true,
		NoLog:      true,
		NoSigs:     true,
		MaxPending: 4 << 30, // it drops a reader that is further behind
	})
	check(err)
	s.Start()
	if !s.ReadyForConnections(time.Minute) {
		panic("topics: the NATS server did not start")
	}
	l := &natsLog{server: s}
	l.publisher = l.connect()
	return l
}

func (l *natsLog) connect() *nats.Conn {
	nc, err := nats.Connect("", nats.InProcessServer(l.server), nats.Timeout(time.Minute))
	check(err)
	return nc
}

func (l *natsLog) Publish(n int) {
	payload := make([]byte, 8)
	for i := range n {
		binary.LittleEndian.PutUint64(payload, uint64(i)) // Publish copies it
		check(l.publisher.Publish(names[i%Count], payload))
	}
}

func (l *natsLog) Close() {
	check(l.publisher.Publish(natsEnd, nil))
	check(l.publisher.Flush())
	l.publisher.Close()
}

func (l *natsLog) Reader() func() Tally {
	nc := l.connect()
	ended := make(chan Tally, 1)
	var t Tally // of the one goroutine that calls back
	sub, err := nc.Subscribe(natsAll, func(m *nats.Msg) {
		if m.Subject == natsEnd {
			ended <- t
			return
		}
		see(&t, int64(binary.LittleEndian.Uint64(m.Data)))
	})
	check(err)
	check(sub.SetPendingLimits(-1, -1))
	check(nc.Flush())
	return func() Tally {
		defer nc.Close()
		return <-ended
	}
}

// stop ends the server, after the measurement.
func (l *natsLog) stop() {
	l.server.Shutdown()
	l.server.WaitForShutdown()
}

func check(err error) {
	if err != nil {
		panic(err) // a broken benchmark
	}
}
