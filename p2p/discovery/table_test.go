package discovery

import (
	"slices"
	"testing"
	"time"

	"github.com/weftdb/weft/p2p/host"
)

// speaker is a peer whose records a test makes.
func speaker(t *testing.T) (say func(seq uint64, addr string) []byte, id host.ID) {
	key, p := identity(t)
	return func(seq uint64, addr string) []byte {
		return sealed(t, &rec{cluster: "main", id: p, seq: seq, addrs: []string{addr}}, key)
	}, host.FromRaw(p)
}

func TestMemberComesAndGoes(t *testing.T) {
	_, self := identity(t)
	tab := newTable("main", self, time.Second, time.Second)
	say, id := speaker(t)
	raw, err := id.Raw()
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(1e9, 0)
	offer := func(seq uint64, addr string) bool {
		t.Helper()
		_, news, err := tab.offer(say(seq, addr), now, false)
		if err != nil {
			t.Fatal(err)
		}
		return news
	}
	live := func(want bool, what string) {
		t.Helper()
		if got := len(tab.list(now, false)) == 1; got != want || tab.isMember(raw, now) != want {
			t.Errorf("%s: live %t", what, got)
		}
	}
	const here, there = "/ip4/10.0.0.1/tcp/1", "/ip4/10.0.0.1/tcp/2"
	if !offer(5, here) || offer(5, here) || offer(4, there) {
		t.Error("what is news is not as it should be")
	}
	live(true, "new")
	now = now.Add(expiry*time.Second - 1)
	live(true, "silent")
	now = now.Add(1)
	live(false, "silent for long")
	if len(tab.list(now, true)) != 1 {
		t.Error("a lost member is forgotten at once")
	}
	// It is not passed on, and the old record does not bring it back.
	if give, _ := tab.answer(nil, now); len(give) != 0 || offer(5, here) {
		t.Error("a lost member is passed on")
	}
	offer(6, here)
	live(true, "renewed")
	for i := range lostAfter {
		live(true, "not reached, but not often")
		tab.failed(raw, now)
		if e := tab.all[raw]; !e.next.After(now) || e.next.Sub(now) > 2*time.Second<<i {
			t.Errorf("next attempt in %s", e.next.Sub(now))
		}
	}
	live(false, "not reached")
	offer(7, there)
	live(true, "moved")
	if m := tab.list(now, false)[0]; !slices.Equal(m.Addrs, []string{there}) || !tab.all[raw].next.IsZero() {
		t.Errorf("%+v", m)
	}
	tab.link(raw, true, now)
	now = now.Add(forget)
	live(true, "connected")
	tab.link(raw, false, now)
	live(true, "was connected")
	now = now.Add(forget + 1)
	tab.sweep(now)
	if len(tab.list(now, true)) != 0 || len(tab.byKey) != 0 {
		t.Error("a lost member is never forgotten")
	}
}

// A node that lost its clock, or came back from a copy of its disk, learns from
// others how far its records had come.
func TestClockSetBack(t *testing.T) {
	a := launch(t, hostConfig(t.TempDir()), quick())
	key := a.h.LibP2P().Peerstore().PrivKey(a.self)
	ahead := uint64(time.Now().Add(time.Hour).UnixMicro())
	// The record of an earlier life, as others have it.
	old := sealed(t, &rec{cluster: "main", id: a.self, seq: ahead, services: []string{"old"}}, key)
	b := launch(t, hostConfig(t.TempDir()), quick())
	if _, news, err := b.table.offer(old, time.Now(), false); err != nil || !news {
		t.Fatalf("%t, %v", news, err)
	}
	if len(b.Providers("old")) != 1 {
		t.Fatal("the old record is not there")
	}
	c := launch(t, hostConfig(t.TempDir()), quick(a.addr(), b.addr()))
	until(t, "all know each other as they are", func() bool {
		return c.knows(a, b) && a.knows(b, c) && b.knows(a, c) && len(b.Providers("old"))+len(c.Providers("old")) == 0
	})
	a.mu.Lock()
	seq := a.record.seq
	a.mu.Unlock()
	if seq <= ahead {
		t.Errorf("record %d, others had %d", seq, ahead)
	}
}

func TestBackoff(t *testing.T) {
	for n := 1; n < 200; n++ {
		d := backoff(time.Second, n, time.Minute)
		want := time.Minute
		if n < 7 {
			want = time.Second << (n - 1)
		}
		if d < want/2 || d > want*3/2 {
			t.Errorf("after %d failures: %s", n, d)
		}
	}
}

func TestOwnAddresses(t *testing.T) {
	const (
		me    = "12D3KooWQYhTNQdmr3ArTeUHRYzFg94BKyTkoWBDWez9kSCVe2Xo"
		id    = "/p2p/" + me
		relay = "/ip4/10.0.0.9/tcp/1/p2p/12D3KooWRHxvrjKjrAznGoBB3kQuG1cZmtaspHKeWsnxasESpAEW/p2p-circuit"
	)
	local := []string{"/ip4/127.0.0.1/tcp/1" + id, "/ip6/::1/tcp/1" + id}
	if got := own(local, me); !slices.Equal(got, []string{"/ip4/127.0.0.1/tcp/1", "/ip6/::1/tcp/1"}) {
		t.Errorf("%v", got)
	}
	if got := own(append(local, "/ip4/10.0.0.1/tcp/1"+id, relay+id), me); !slices.Equal(got, []string{"/ip4/10.0.0.1/tcp/1", relay}) {
		t.Errorf("%v", got)
	}
	if got := own(slices.Repeat(local, 20), me); len(got) != maxAddrs {
		t.Errorf("%d addresses", len(got))
	}
}
