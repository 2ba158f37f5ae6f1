package replica

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// elect makes raft hold an election now, as it does when a leader steps down.
// The only voter of a group that has just begun would otherwise wait for a
// leader to speak first.
func (ru *running) elect() error {
	self := &loop{layer: ru.layer, done: make(chan struct{})}
	t := raft.NewNetworkTransport(self, 1, time.Second, io.Discard)
	var resp raft.TimeoutNowResponse
	req := &raft.TimeoutNowRequest{RPCHeader: raft.RPCHeader{ProtocolVersion: raft.ProtocolVersionMax, ID: []byte(ru.server), Addr: []byte(ru.server)}}
	err := t.TimeoutNow(raft.ServerID(ru.server), raft.ServerAddress(ru.server), req, &resp)
	if err = errors.Join(err, t.Close()); err != nil {
		return fmt.Errorf("replica: elect: %w", err)
	}
	return nil
}

// loop is a network on which a copy speaks to itself.
type loop struct {
	layer *layer
	done  chan struct{}
	once  sync.Once
}

func (l *loop) Dial(raft.ServerAddress, time.Duration) (net.Conn, error) {
	here, there := net.Pipe()
	c, err := l.layer.wrap(there, true)
	if err != nil {
		return nil, errors.Join(err, here.Close())
	}
	select {
	case l.layer.in <- c:
		return here, nil
	case <-l.layer.ctx.Done():
		return nil, errors.Join(net.ErrClosed, here.Close(), c.Close())
	}
}

func (l *loop) Accept() (net.Conn, error) {
	<-l.done
	return nil, net.ErrClosed
}

func (l *loop) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

func (l *loop) Addr() net.Addr { return l.layer.Addr() }
