package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
)

func TestHandlerPanics(t *testing.T) {
	a, b := start(t, config(t)), start(t, config(t))
	b.Handle("bad/1", Limits{}, func(context.Context, *Stream) error { panic("oh") })
	b.Handle("fail/1", Limits{}, func(context.Context, *Stream) error { return errors.New("no") })
	b.Handle("echo/1", Limits{}, echo)
	join(t, a, b)
	for _, name := range []string{"bad/1", "fail/1"} {
		if _, err := a.Call(within(t), b.ID(), name, []byte("x"), 10); !errors.Is(err, ErrUnreachable) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got, err := a.Call(within(t), b.ID(), "echo/1", []byte("x"), 10); err != nil || string(got) != "x" {
		t.Errorf("after a panic: %q, %v", got, err)
	}
	until(t, "the panic is counted", func() bool { return b.Counters().Panics == 1 })
	b.Unhandle("echo/1")
	if _, err := a.Call(within(t), b.ID(), "echo/1", nil, 10); err == nil {
		t.Error("a protocol that is served no more answers")
	}
}

func TestStreamBounds(t *testing.T) {
	a, b := start(t, config(t)), start(t, config(t))
	got := make(chan error, 1)
	b.Handle("few/1", Limits{MaxBytes: 10}, func(_ context.Context, s *Stream) error {
		n, err := io.Copy(io.Discard, s)
		if n > 10 {
			err = fmt.Errorf("%d bytes were read", n)
		}
		got <- err
		return err
	})
	b.Handle("slow/1", Limits{Timeout: 50 * time.Millisecond}, func(ctx context.Context, s *Stream) error {
		if err := s.SetDeadline(time.Time{}); err != nil { // does not lift the bound
			return err
		}
		_, err := s.Read(make([]byte, 1))
		<-ctx.Done()
		got <- err
		return err
	})
	b.Handle("much/1", Limits{}, func(_ context.Context, s *Stream) error {
		_, err := s.Write(make([]byte, 100))
		return err
	})
	join(t, a, b)
	if _, err := a.Call(within(t), b.ID(), "few/1", make([]byte, 10), 10); err != nil {
		t.Error(err)
	}
	if err := <-got; err != nil {
		t.Errorf("as much as allowed: %v", err)
	}
	a.Call(within(t), b.ID(), "few/1", make([]byte, 11), 10)
	if err := <-got; !errors.Is(err, ErrTooLarge) {
		t.Errorf("more than allowed: %v", err)
	}
	until(t, "it is counted", func() bool { return b.Counters().Malformed == 1 })
	s, err := a.Open(within(t), b.ID(), "slow/1", OpenOptions{Timeout: 20 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Write(nil); err != nil {
		t.Fatal(err)
	}
	if err := <-got; err == nil {
		t.Error("a stream lives beyond its time")
	}
	if s.LocalAddr().String() != string(a.ID()) || s.RemoteAddr().String() != string(b.ID()) || s.RemoteAddr().Network() != "libp2p" {
		t.Errorf("%s, %s", s.LocalAddr(), s.RemoteAddr())
	}
	if err := errors.Join(s.SetReadDeadline(time.Now()), s.SetWriteDeadline(time.Now()), s.Reset()); err != nil {
		t.Error(err)
	}
	if _, err := a.Call(within(t), b.ID(), "much/1", nil, 99); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a larger answer than asked for: %v", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	b.Handle("slow/1", Limits{}, func(end context.Context, s *Stream) error {
		_, err := io.Copy(io.Discard, s)
		<-end.Done()
		return err
	})
	if _, err := a.Call(ctx, b.ID(), "slow/1", nil, 9); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a call beyond its context: %v", err)
	}
}

// A peer that floods is limited, then shut out; others are served all the time.
func TestFloodingPeer(t *testing.T) {
	cfg := config(t)
	cfg.Strikes, cfg.BanTime = 30, time.Second
	h, flooder, friend := start(t, cfg), start(t, config(t)), start(t, config(t))
	var now, most atomic.Int64
	h.Handle("work/1", Limits{PerPeer: 4, Rate: 20, Burst: 20}, func(_ context.Context, s *Stream) error {
		n := now.Add(1)
		defer now.Add(-1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		_, err := io.Copy(s, s)
		return err
	})
	join(t, friend, h)
	join(t, flooder, h)

	// Streams that are opened and left lying.
	var lying []*Stream
	for range 4 {
		s, err := flooder.Open(within(t), h.ID(), "work/1", OpenOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		lying = append(lying, s)
	}
	until(t, "four streams are served", func() bool { return now.Load() == 4 })
	if _, err := flooder.Call(within(t), h.ID(), "work/1", []byte("x"), 10); err == nil {
		t.Error("a fifth stream was served")
	}
	for _, s := range lying {
		s.Reset()
	}

	ctx, stop := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for ctx.Err() == nil && flooder.Connected(h.ID()) {
				flooder.Call(ctx, h.ID(), "work/1", []byte("x"), 10)
			}
		})
	}
	served := 0
	until(t, "the flooder is shut out", func() bool {
		if served < 10 { // within the friend's own rate
			got, err := friend.Call(within(t), h.ID(), "work/1", []byte("hello"), 10)
			if err != nil || string(got) != "hello" {
				t.Fatalf("the friend is not served: %q, %v", got, err)
			}
			served++
		}
		return h.Counters().Banned > 0 // once more, if its time was over before this was seen
	})
	until(t, "the flooder is disconnected", func() bool { return !h.Connected(flooder.ID()) })
	stop()
	wg.Wait()
	if _, err := friend.Call(within(t), h.ID(), "work/1", []byte("hello"), 10); err != nil {
		t.Errorf("the friend, after it: %v", err)
	}
	if most.Load() > 5 {
		t.Errorf("%d streams were served at once", most.Load())
	}
	t.Logf("%d streams served, %d refused, the friend asked %d times", h.Counters().StreamsServed, h.Counters().StreamsRefused, served+1)
	// It may come back when its time is over.
	until(t, "the flooder is forgiven", func() bool { return connect(within(t), flooder, h) == nil && h.Connected(flooder.ID()) })
}

func TestAdmission(t *testing.T) {
	var s serving
	s.init()
	l := Limits{PerPeer: 2, Total: 3, Rate: 1, Burst: 3}.filled()
	now := time.Unix(0, 0)
	admit := func(p, want string) {
		t.Helper()
		ok, theirs := s.admit(peerOf(p), "x/1", l, now)
		got := map[bool]string{true: "yes"}[ok]
		if !ok {
			got = map[bool]string{true: "their limit", false: "ours"}[theirs]
		}
		if got != want {
			t.Errorf("%s: %s, want %s", p, got, want)
		}
	}
	admit("a", "yes")
	admit("a", "yes")
	admit("a", "their limit") // at once
	admit("b", "yes")
	admit("b", "ours") // in total
	s.leave(peerOf("a"), "x/1")
	admit("a", "yes")
	s.leave(peerOf("a"), "x/1")
	admit("a", "their limit") // per second
	now = now.Add(time.Second)
	admit("a", "yes")
	// Strikes are forgiven with time.
	if n := s.strike(peerOf("a"), 10, now); n != 10 {
		t.Errorf("%v strikes", n)
	}
	if n := s.strike(peerOf("a"), 1, now.Add(4*time.Second)); n != 7 {
		t.Errorf("%v strikes", n)
	}
	if !s.forgive(peerOf("a")) || s.forgive(peerOf("a")) {
		t.Error("forgiven twice")
	}
	// What is known of peers is bounded, and those that hold nothing make room.
	for i := range maxGuests + 10 {
		s.strike(peerOf(fmt.Sprint(i)), 1, now)
	}
	if len(s.guests) != maxGuests {
		t.Errorf("%d guests", len(s.guests))
	}
	admit("new", "ours")
	now = now.Add(time.Minute)
	s.leave(peerOf("b"), "x/1")
	admit("new", "yes")
	if len(s.guests) > 10 {
		t.Errorf("%d guests", len(s.guests))
	}
}

func TestBansAreBounded(t *testing.T) {
	g, err := newGate(nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range maxBanned + 10 {
		g.ban(peerOf(fmt.Sprint(i)), time.Now().Add(time.Hour))
	}
	if len(g.banned) != maxBanned || g.ok(peerOf("0")) || !g.ok(peerOf("other")) {
		t.Errorf("%d banned", len(g.banned))
	}
	for p := range g.banned {
		g.banned[p] = time.Now().Add(-time.Second)
	}
	if !g.ok(peerOf("0")) {
		t.Error("banned beyond its time")
	}
	g.ban(peerOf("x"), time.Now().Add(time.Hour)) // takes the last place
	g.ban(peerOf("y"), time.Now().Add(time.Hour)) // makes room
	if len(g.banned) != 2 {
		t.Errorf("%d banned", len(g.banned))
	}
}

func TestWatchThatIsSlow(t *testing.T) {
	h := start(t, config(t))
	w := h.Watch()
	for range watchBuffer + 5 {
		h.watch.mu.Lock()
		h.watch.emit(Event{Peer: "x", Connected: true})
		h.watch.mu.Unlock()
	}
	if w.Missed() != 5 {
		t.Errorf("%d missed", w.Missed())
	}
	w.Stop()
}

func TestProtectAndRemember(t *testing.T) {
	a, b := start(t, config(t)), start(t, config(t))
	_, addr, _ := ParseAddr(b.Addrs()[0])
	if err := a.Remember(b.ID(), []string{addr}, time.Minute, true); err != nil {
		t.Fatal(err)
	}
	if err := a.Connect(within(t), b.ID()); err != nil { // by what it remembers
		t.Fatal(err)
	}
	raw, err := b.ID().Raw()
	if err != nil {
		t.Fatal(err)
	}
	a.Protect(b.ID(), "group")
	if !a.LibP2P().ConnManager().IsProtected(raw, "group") {
		t.Error("not protected")
	}
	a.Unprotect(b.ID(), "group")
	if a.LibP2P().ConnManager().IsProtected(raw, "") {
		t.Error("still protected")
	}
	for _, err := range []error{
		a.Remember("nonsense", nil, time.Minute, false), a.Remember(b.ID(), []string{"nonsense"}, time.Minute, false), a.Disconnect("nonsense"),
	} {
		if !errors.Is(err, ErrConfig) {
			t.Errorf("%v", err)
		}
	}
	if a.Connected("nonsense") || a.Speaks("nonsense", "x/1") {
		t.Error("nonsense is connected")
	}
	if _, err := a.Ping(within(t), "12D3KooWQYhTNQdmr3ArTeUHRYzFg94BKyTkoWBDWez9kSCVe2Xo"); !errors.Is(err, ErrUnreachable) ||
		!strings.Contains(err.Error(), "no address") {
		t.Errorf("ping of nobody: %v", err)
	}
}

func peerOf(s string) peer.ID { return peer.ID(s) }
