package cluster

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"golang.org/x/sys/unix"
)

// line holds the packets that come to a node from another one, each for a random
// time, and lets them go on in the order in which they came. The kernel queues
// them (NFQUEUE) and tells of each; what is in them is not looked at.
type line struct {
	fd          int
	queue       uint16
	least, most time.Duration
	heal        chan struct{} // closed when all are to go on at once
	ended       chan error
}

// held is a packet, by the number that the kernel gave it.
type held struct {
	id  uint32
	due time.Time
}

// The protocol of nfnetlink_queue, from linux/netfilter/nfnetlink_queue.h. Its
// numbers are in network byte order, but for the lengths and types of netlink.
const (
	queuePacket  = unix.NFNL_SUBSYS_QUEUE << 8
	queueConfig  = unix.NFNL_SUBSYS_QUEUE<<8 | 2
	queueVerdict = unix.NFNL_SUBSYS_QUEUE<<8 | 3 // for all packets up to a number

	configCommand = 1
	configParams  = 2
	configLength  = 3
	configMask    = 4
	configFlags   = 5
	commandBind   = 1
	copyMeta      = 1
	flagWhole     = 4 // large packets are not cut into those of the wire

	packetHeader  = 1
	verdictHeader = 2
	accept        = 1

	familyHead  = 4 // struct nfgenmsg
	netlinkHead = unix.SizeofNlMsghdr + familyHead
)

// newLine takes over a queue of the network that the thread is in.
func newLine(queue uint16, least, most time.Duration) (*line, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_NETFILTER)
	if err != nil {
		return nil, fmt.Errorf("hold packets: %w", err)
	}
	l := &line{fd: fd, queue: queue, least: least, most: most, heal: make(chan struct{}), ended: make(chan error, 1)}
	if err := l.bind(); err != nil {
		return nil, errors.Join(fmt.Errorf("hold packets: %w", err), unix.Close(fd))
	}
	go func() { l.ended <- errors.Join(l.run(), unix.Close(fd)) }()
	return l, nil
}

// end lets all packets go on and waits until they have.
func (l *line) end() error {
	close(l.heal)
	return <-l.ended
}

func (l *line) bind() error {
	// The kernel tells of packets faster than a busy machine asks.
	if err := unix.SetsockoptInt(l.fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 8<<20); err != nil {
		return err
	}
	if err := unix.Bind(l.fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return err
	}
	number := func(n uint32) []byte { return binary.BigEndian.AppendUint32(nil, n) }
	for _, attributes := range [][]byte{
		attribute(nil, configCommand, []byte{commandBind, 0, 0, 0}),
		attribute(nil, configParams, []byte{0, 0, 0, 0, copyMeta}),
		attribute(nil, configLength, number(1<<16)),
		attribute(attribute(nil, configFlags, number(flagWhole)), configMask, number(flagWhole)),
	} {
		if err := l.send(queueConfig, unix.NLM_F_ACK, attributes); err != nil {
			return err
		}
		if err := l.acknowledged(); err != nil {
			return err
		}
	}
	return nil
}

// acknowledged waits for the answer to a setting.
func (l *line) acknowledged() error {
	answer := make([]byte, 1<<12)
	n, _, err := unix.Recvfrom(l.fd, answer, 0)
	if err != nil {
		return err
	}
	return messages(answer[:n], func(kind uint16, body []byte) error {
		if kind != unix.NLMSG_ERROR {
			return fmt.Errorf("an answer of kind %d", kind)
		}
		return refusal(body)
	})
}

// run holds packets until the line is to end.
func (l *line) run() error {
	var list []held
	var last time.Time
	buf := make([]byte, 1<<16)
	for healed := false; ; {
		select {
		case <-l.heal:
			healed = true
		default:
		}
		pause := 10 * time.Millisecond
		if len(list) > 0 {
			pause = min(pause, time.Until(list[0].due))
		}
		if healed {
			pause = 0
		}
		poll := []unix.PollFd{{Fd: int32(l.fd), Events: unix.POLLIN}}
		if _, err := unix.Poll(poll, int((max(pause, 0)+time.Millisecond-1)/time.Millisecond)); err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("wait for packets: %w", err)
		}
		came, err := l.read(buf)
		if err != nil {
			return err
		}
		for _, id := range came {
			// None overtakes another, as in a connection's queue of a slow line.
			due := time.Now().Add(l.least + rand.N(l.most-l.least+1))
			if due.Before(last) {
				due = last
			}
			last = due
			list = append(list, held{id, due})
		}
		n := 0
		for n < len(list) && (healed || !list[n].due.After(time.Now())) {
			n++
		}
		if n > 0 {
			if err := l.letGo(list[n-1].id); err != nil {
				return err
			}
			list = list[n:]
		}
		if healed && len(came) == 0 {
			return nil
		}
	}
}

// read gives the numbers of the packets that came.
func (l *line) read(buf []byte) (came []uint32, err error) {
	for {
		n, _, err := unix.Recvfrom(l.fd, buf, unix.MSG_DONTWAIT)
		switch {
		case errors.Is(err, unix.EAGAIN):
			return came, nil
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.ENOBUFS): // of the latter the packets are lost
			continue
		case err != nil:
			return nil, fmt.Errorf("read packets: %w", err)
		}
		err = messages(buf[:n], func(kind uint16, body []byte) error {
			switch kind {
			case unix.NLMSG_ERROR:
				if err := refusal(body); !errors.Is(err, unix.ENOENT) { // they went with their device
					return err
				}
			case queuePacket:
				if id, ok := packetID(body); ok {
					came = append(came, id)
				}
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("read packets: %w", err)
		}
	}
}

// letGo lets all packets up to a number go on.
func (l *line) letGo(id uint32) error {
	verdict := binary.BigEndian.AppendUint32(nil, accept)
	verdict = binary.BigEndian.AppendUint32(verdict, id)
	if err := l.send(queueVerdict, 0, attribute(nil, verdictHeader, verdict)); err != nil {
		return fmt.Errorf("let packets go on: %w", err)
	}
	return nil
}

func (l *line) send(kind, flags uint16, attributes []byte) error {
	b := binary.NativeEndian.AppendUint32(nil, uint32(netlinkHead+len(attributes)))
	b = binary.NativeEndian.AppendUint16(b, kind)
	b = binary.NativeEndian.AppendUint16(b, unix.NLM_F_REQUEST|flags)
	b = append(b, make([]byte, 8)...) // number and sender, which nobody looks at
	b = append(b, unix.AF_UNSPEC, unix.NFNETLINK_V0)
	b = binary.BigEndian.AppendUint16(b, l.queue)
	return unix.Sendto(l.fd, append(b, attributes...), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
}

// attribute appends one, with its padding.
func attribute(b []byte, kind uint16, value []byte) []byte {
	b = binary.NativeEndian.AppendUint16(b, uint16(4+len(value)))
	b = binary.NativeEndian.AppendUint16(b, kind)
	b = append(b, value...)
	return append(b, make([]byte, padding(len(value)))...)
}

func padding(n int) int { return (4 - n%4) % 4 }

// messages calls fn with the kind and the body of each.
func messages(b []byte, fn func(kind uint16, body []byte) error) error {
	for len(b) >= unix.SizeofNlMsghdr {
		n := int(binary.NativeEndian.Uint32(b))
		if n < unix.SizeofNlMsghdr || n > len(b) {
			return errors.New("a message that cannot be read")
		}
		if err := fn(binary.NativeEndian.Uint16(b[4:]), b[unix.SizeofNlMsghdr:n]); err != nil {
			return err
		}
		b = b[min(n+padding(n), len(b)):]
	}
	return nil
}

// refusal is the error of a message that is one; nil where it says that all is
// well.
func refusal(body []byte) error {
	if len(body) < 4 {
		return errors.New("an answer that cannot be read")
	}
	if n := int32(binary.NativeEndian.Uint32(body)); n != 0 {
		return unix.Errno(-n)
	}
	return nil
}

// packetID finds the number of a packet in what tells of it.
func packetID(body []byte) (uint32, bool) {
	b := body[min(familyHead, len(body)):]
	for len(b) >= 4 {
		n, kind := int(binary.NativeEndian.Uint16(b)), binary.NativeEndian.Uint16(b[2:])
		if n < 4 || n > len(b) {
			return 0, false
		}
		if kind == packetHeader && n >= 8 {
			return binary.BigEndian.Uint32(b[4:]), true
		}
		b = b[min(n+padding(n), len(b)):]
	}
	return 0, false
}
