package siege

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/weftdb/weft/internal/siege/cluster"
)

// The faults are real: what is cut does not arrive, the other direction and the
// other nodes are not concerned, and healing mends it.
func TestNetwork(t *testing.T) {
	if outsider(t) {
		return
	}
	ctx := within(t, time.Minute)
	s, err := cluster.NewNamespaces(3)
	must(t, err)
	defer func() { must(t, s.Close()) }()
	address := func(i int) string { return fmt.Sprintf("%s:4000", s.IP(i)) }
	for i := range 3 {
		var l net.Listener
		must(t, s.Enter(i, func() (err error) {
			l, err = net.Listen("tcp4", address(i))
			return err
		}))
		defer l.Close()
	}
	reach := func(from, to int, want bool) {
		t.Helper()
		if got := s.Reaches(ctx, from, address(to)); got != want {
			t.Errorf("node %d reaches node %d: %v", from+1, to+1, got)
		}
	}
	reach(0, 1, true)
	must(t, s.Cut(0, 1))
	reach(0, 1, false)
	reach(1, 2, true)
	reach(0, 2, true)
	must(t, s.Heal())
	reach(0, 1, true)
	must(t, s.Lose(1, 2, 1))
	reach(1, 2, false)
	reach(0, 2, true)
	must(t, s.Heal())
	reach(1, 2, true)
	must(t, s.Delay(0, 1, time.Hour, time.Hour))
	reach(0, 1, false)
	reach(2, 1, true)
	reach(0, 2, true)
	must(t, s.Heal())
	reach(0, 1, true)
}

// Of packets that nobody sends again, the share that is said is lost, and none of
// those that are held; they keep their order, and no others are concerned.
func TestPackets(t *testing.T) {
	if outsider(t) {
		return
	}
	s, err := cluster.NewNamespaces(2)
	must(t, err)
	defer func() { must(t, s.Close()) }()
	var conns []*net.UDPConn
	for i := range 2 {
		must(t, s.Enter(i, func() error {
			c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.ParseIP(s.IP(i)), Port: 4000})
			conns = append(conns, c)
			return err
		}))
		defer conns[i].Close()
	}
	const many = 200 // what a socket can hold
	send := func(from int) {
		t.Helper()
		for i := range uint32(many) {
			to := &net.UDPAddr{IP: net.ParseIP(s.IP(1 - from)), Port: 4000}
			_, err := conns[from].WriteToUDP(binary.BigEndian.AppendUint32(nil, i), to)
			must(t, err)
		}
	}
	// receive takes packets until enough came, or none for the time.
	receive := func(at, enough int, patience time.Duration) (got []uint32) {
		t.Helper()
		var b [8]byte
		for len(got) < enough {
			must(t, conns[at].SetReadDeadline(time.Now().Add(patience)))
			n, _, err := conns[at].ReadFromUDP(b[:])
			if errors.Is(err, os.ErrDeadlineExceeded) {
				return got
			}
			must(t, err)
			if n != 4 {
				t.Fatalf("a packet of %d bytes", n)
			}
			got = append(got, binary.BigEndian.Uint32(b[:]))
		}
		return got
	}
	whole := func(what string, got []uint32) {
		t.Helper()
		if len(got) != many || !slices.IsSorted(got) {
			t.Errorf("%s: %d of %d packets came, in order: %v", what, len(got), many, slices.IsSorted(got))
		}
	}
	send(0)
	whole("without harm", receive(1, many, 10*time.Second))

	must(t, s.Lose(0, 1, 0.3))
	send(0)
	if got := receive(1, many, time.Second); len(got) < 90 || len(got) > 190 { // seven standard deviations and more
		t.Errorf("%d of %d packets came, where three tenths are lost", len(got), many)
	}
	send(1)
	whole("the way back", receive(0, many, 10*time.Second))
	must(t, s.Heal())

	must(t, s.Delay(0, 1, 50*time.Millisecond, 300*time.Millisecond))
	begun := time.Now()
	send(0)
	first := receive(1, 1, 10*time.Second)
	if took := time.Since(begun); took < 50*time.Millisecond {
		t.Errorf("a packet that is held for 50ms at least came after %v", took)
	}
	whole("delayed", append(first, receive(1, many-1, 10*time.Second)...))
	must(t, s.Heal())

	must(t, s.Delay(0, 1, time.Hour, time.Hour))
	send(0)
	if got := receive(1, many, 300*time.Millisecond); len(got) != 0 {
		t.Errorf("%d packets came, where all are held", len(got))
	}
	send(1)
	whole("the way back of what is held", receive(0, many, 10*time.Second))
	must(t, s.Heal())
	whole("held, and let go", receive(1, many, 10*time.Second))
}
