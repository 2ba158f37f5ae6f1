package discovery

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/weftdb/weft/p2p/host"
)

// guest is a host that a test speaks for: it is connected to a node and sends
// what it likes.
func guest(t *testing.T, n *node) *host.Host {
	t.Helper()
	h, err := host.New(hostConfig(t.TempDir()), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Errorf("close guest: %v", err)
		}
	})
	connect(t, h, n)
	return h
}

func connect(t *testing.T, h *host.Host, n *node) {
	t.Helper()
	id, addr, err := host.ParseAddr(n.addr())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := h.Connect(ctx, id, addr); err != nil {
		t.Fatal(err)
	}
}

// send writes raw bytes as a question and reads what comes.
func send(h *host.Host, n *node, data []byte) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	s, err := h.Open(ctx, n.h.ID(), protocolName, host.OpenOptions{Timeout: 10 * time.Second})
	if err != nil {
		return err
	}
	defer s.Reset()
	if _, err := s.Write(data); err != nil {
		return err
	}
	if err := s.CloseWrite(); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, s)
	return err
}

func frame(m *message) []byte {
	var b bytes.Buffer
	if err := writeMessage(&b, m); err != nil {
		return nil
	}
	return b.Bytes()
}

func TestMalformedQuestions(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	n := launch(t, hostConfig(t.TempDir()), quick())
	friend := launch(t, hostConfig(t.TempDir()), quick(n.addr()))
	until(t, "both know each other", func() bool { return n.knows(friend) && friend.knows(n) })
	key, id := identity(t)
	_, stranger := identity(t)
	foreign := example(id)
	foreign.cluster = "other"
	good := frame(&message{cluster: "main", records: [][]byte{sealed(t, example(id), key)}, digest: []digest{{1, 2}}})
	bad := map[string][]byte{
		"garbage":          []byte("GET / HTTP/1.1\r\n\r\n"),
		"too long":         {0xff, 0xff, 0xff, 0xff},
		"empty":            {0, 0, 0, 0},
		"forged":           frame(&message{cluster: "main", records: [][]byte{sealed(t, example(stranger), key)}}),
		"of another":       frame(&message{cluster: "main", records: [][]byte{sealed(t, foreign, key)}}),
		"no record":        frame(&message{cluster: "main", records: [][]byte{[]byte("x")}}),
		"garbage in third": append(bytes.Clone(good), 0, 0, 0, 1, 9),
	}
	for what, data := range bad {
		h := guest(t, n)
		before := n.h.Counters().Malformed
		err := send(h, n, data)
		until(t, what+" is counted", func() bool { return n.h.Counters().Malformed == before+1 })
		if err == nil && what != "garbage in third" {
			t.Errorf("%s: it was answered", what)
		}
	}
	// A stream that ends early, or is damaged anywhere, hurts nobody.
	h := guest(t, n)
	for i := range 60 {
		data := bytes.Clone(good)
		if i%2 == 0 {
			data = data[:random.IntN(len(data))]
		} else {
			data[random.IntN(len(data))] ^= byte(1 + random.IntN(255))
		}
		send(h, n, data)
		if !h.Connected(n.h.ID()) { // shut out, as it should be
			h = guest(t, n)
		}
	}
	if !n.knows(friend) || !friend.knows(n) || n.h.Counters().Panics != 0 {
		t.Errorf("the node suffers: %+v", n.h.Counters())
	}
	for _, m := range n.Known() {
		if m.ID == host.FromRaw(stranger) {
			t.Error("a forged member")
		}
	}
}

// A peer that sends nothing but malformed questions is shut out; one that asks
// and does not read, or says nothing, holds nobody up.
func TestHostilePeers(t *testing.T) {
	n := launch(t, hostConfig(t.TempDir()), quick())
	hostile := guest(t, n)
	until(t, "it is shut out", func() bool {
		send(hostile, n, []byte{0xff, 0xff, 0xff, 0xff})
		return n.h.Counters().Banned > 0
	})
	until(t, "it is disconnected", func() bool { return !n.h.Connected(hostile.ID()) })

	silent := guest(t, n)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for range 4 {
		s, err := silent.Open(ctx, n.h.ID(), protocolName, host.OpenOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Write([]byte{0}); err != nil {
			t.Fatal(err)
		}
		defer s.Reset()
	}
	friend := launch(t, hostConfig(t.TempDir()), quick(n.addr()))
	until(t, "a friend joins", func() bool { return n.knows(friend) && friend.knows(n) })
	until(t, "the silent streams are given up", func() bool { return n.h.Counters().StreamsActive == 0 })
}

// A node asks one that answers wrongly: it does not fall for it.
func TestHostileAnswers(t *testing.T) {
	key, id := identity(t)
	_, stranger := identity(t)
	for what, answer := range map[string][]byte{
		"nothing": {},
		"garbage": []byte("not a message"),
		"forged":  frame(&message{cluster: "main", records: [][]byte{sealed(t, example(stranger), key)}}),
		"status":  frame(&message{cluster: "other", status: statusOtherCluster, records: [][]byte{sealed(t, example(id), key)}}),
	} {
		liar, err := host.New(hostConfig(t.TempDir()), nil)
		if err != nil {
			t.Fatal(err)
		}
		liar.Handle(protocolName, host.Limits{}, func(_ context.Context, s *host.Stream) error {
			if _, err := readMessage(s); err != nil {
				return err
			}
			_, err := s.Write(answer)
			return err
		})
		n := launch(t, hostConfig(t.TempDir()), quick(liar.Addrs()[0]))
		until(t, what+": it was asked", func() bool { return n.Counters().Dials >= 2 })
		if len(n.Known()) != 0 {
			t.Errorf("%s: %v", what, n.Known())
		}
		if err := liar.Close(); err != nil {
			t.Error(err)
		}
	}
}

// What a peer may make a node remember is bounded.
func TestTableIsBounded(t *testing.T) {
	key, id := identity(t)
	_, self := identity(t)
	now := time.Now()
	tab := newTable("main", self, time.Second, time.Second)
	for i := range maxMembers + 10 { // as if each were another peer
		e := &entry{key: uint64(i), rec: example(id), seen: now, added: now}
		if len(tab.all) < maxMembers-1 {
			tab.all[peer.ID(fmt.Sprint(i))], tab.byKey[e.key] = e, e
		}
	}
	s := sealed(t, example(id), key)
	if _, news, err := tab.offer(s, now, false); err != nil || news {
		t.Errorf("a member too many: %v, %v", news, err)
	}
	later := now.Add(expiry*time.Second + time.Second)
	if _, news, err := tab.offer(s, later, false); err != nil || !news {
		t.Errorf("no room for one instead of a lost one: %v, %v", news, err)
	}
	if n := len(tab.digest(1)); n != maxMembers {
		t.Errorf("a digest of %d", n)
	}
	m := &message{cluster: "main", digest: tab.digest(1)}
	if _, err := decode(m.encode()); err != nil {
		t.Errorf("the largest digest: %v", err)
	}
	give, _ := tab.answer(nil, later)
	if len(give) > maxBatch {
		t.Errorf("an answer of %d", len(give))
	}
}
