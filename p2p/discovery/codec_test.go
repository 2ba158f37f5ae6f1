package discovery

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/weftdb/weft/p2p/host"
)

// identity makes a peer that a test speaks for.
func identity(t testing.TB) (crypto.PrivKey, peer.ID) {
	t.Helper()
	key, _, err := crypto.GenerateEd25519Key(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	id, err := peer.IDFromPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return key, id
}

func example(id peer.ID) *rec {
	return &rec{
		cluster: "main", id: id, seq: 1 << 60,
		addrs: []string{"/ip4/10.0.0.1/tcp/4001", "/ip6/::1/udp/4001/quic-v1"}, services: []string{"sql"}, groups: []string{"größe", "main"},
	}
}

func sealed(t testing.TB, r *rec, key crypto.PrivKey) []byte {
	t.Helper()
	out, err := r.seal(key)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestRecord(t *testing.T) {
	key, id := identity(t)
	r := example(id)
	s := sealed(t, r, key)
	for _, read := range []func([]byte) (*rec, error){peek, unseal} {
		if got, err := read(s); err != nil || !reflect.DeepEqual(got, r) {
			t.Errorf("%+v, %v", got, err)
		}
	}
	other, _ := identity(t)
	if _, err := unseal(sealed(t, r, other)); !errors.Is(err, host.ErrMalformed) || !strings.Contains(err.Error(), "another peer signed") {
		t.Errorf("signed by another: %v", err)
	}
	// No bit of it can be changed.
	for i := range s {
		bad := bytes.Clone(s)
		bad[i] ^= 1
		if got, err := unseal(bad); err == nil && !reflect.DeepEqual(got, r) {
			t.Errorf("byte %d: %+v is taken", i, got)
		} else if err != nil && !errors.Is(err, host.ErrMalformed) {
			t.Errorf("byte %d: %v", i, err)
		}
	}
	for what, change := range map[string]func(*rec){
		"cluster":     func(r *rec) { r.cluster = "" },
		"address":     func(r *rec) { r.addrs = []string{"10.0.0.1"} },
		"names":       func(r *rec) { r.addrs = []string{"/ip4/1.2.3.4/tcp/1/p2p/" + id.String()} },
		"service":     func(r *rec) { r.services = []string{"a\nb"} },
		"group":       func(r *rec) { r.groups = []string{strings.Repeat("x", maxName+1)} },
		"512 groups":  func(r *rec) { r.groups = make([]string, maxGroups+1) },
		"peer ID":     func(r *rec) { r.id = "" },
		"at most 16 ": func(r *rec) { r.addrs = slices.Repeat([]string{"/ip4/1.2.3.4/tcp/1"}, maxAddrs+1) },
	} {
		bad := example(id)
		change(bad)
		if _, err := bad.seal(key); !errors.Is(err, host.ErrMalformed) || !strings.Contains(err.Error(), what) {
			t.Errorf("%s: %v", what, err)
		}
	}
	relayed := example(id)
	relayed.addrs = []string{"/ip4/1.2.3.4/tcp/1/p2p/" + id.String() + "/p2p-circuit"}
	if err := relayed.check(); err != nil {
		t.Errorf("a relayed address: %v", err)
	}
	if _, err := peek(make([]byte, maxRecord+1)); !errors.Is(err, host.ErrMalformed) {
		t.Errorf("too large: %v", err)
	}
	if _, err := unseal(make([]byte, maxRecord+1)); !errors.Is(err, host.ErrMalformed) {
		t.Errorf("too large: %v", err)
	}
	full := example(id)
	full.groups = slices.Repeat([]string{strings.Repeat("g", maxName)}, maxGroups)
	if _, err := unseal(sealed(t, full, key)); err != nil {
		t.Errorf("as many groups as are allowed: %v", err)
	}
}

func TestMessage(t *testing.T) {
	m := &message{
		status: statusOtherCluster, cluster: "main", records: [][]byte{[]byte("one"), []byte("two")},
		digest: []digest{{1, 2}, {1 << 63, 1 << 63}}, wants: []uint64{7},
	}
	if got, err := decode(m.encode()); err != nil || !reflect.DeepEqual(got, m) {
		t.Fatalf("%+v, %v", got, err)
	}
	var wire bytes.Buffer
	if err := writeMessage(&wire, m); err != nil {
		t.Fatal(err)
	}
	whole := bytes.Clone(wire.Bytes())
	if got, err := readMessage(&wire); err != nil || !reflect.DeepEqual(got, m) {
		t.Fatalf("%+v, %v", got, err)
	}
	for n := range whole {
		if _, err := readMessage(bytes.NewReader(whole[:n])); err == nil {
			t.Errorf("cut to %d bytes: no error", n)
		}
	}
	body := m.encode()
	for n := range body {
		if _, err := decode(body[:n]); !errors.Is(err, host.ErrMalformed) {
			t.Errorf("cut to %d bytes: %v", n, err)
		}
	}
	for what, bad := range map[string][]byte{
		"version 2":      append([]byte{2}, body[1:]...),
		"unknown status": append([]byte{1, 9}, body[2:]...),
		"follow its end": append(bytes.Clone(body), 0),
		"entries where":  {1, 0, 0, 0xff, 0xff, 0x7f},
		"a number":       {1, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
	} {
		if _, err := decode(bad); !errors.Is(err, host.ErrMalformed) || !strings.Contains(err.Error(), what) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := readMessage(bytes.NewReader([]byte{0xff, 0, 0, 0})); !errors.Is(err, host.ErrMalformed) {
		t.Errorf("a message of 4 GB: %v", err)
	}
	huge := &message{records: [][]byte{make([]byte, maxMessage)}}
	if err := writeMessage(&wire, huge); !errors.Is(err, host.ErrTooLarge) {
		t.Errorf("a message that is too large: %v", err)
	}
}

// What version 1 looks like, byte by byte, must be read for ever.
func TestFormats(t *testing.T) {
	id := peer.ID("\x00\x04test")
	r := &rec{cluster: "c", id: id, seq: 300, addrs: []string{"/ip4/1.2.3.4/tcp/1"}, services: []string{"s"}, groups: []string{"g"}}
	raw, err := r.MarshalRecord()
	if err != nil {
		t.Fatal(err)
	}
	m := &message{cluster: "c", records: [][]byte{[]byte("r")}, digest: []digest{{1, 300}}, wants: []uint64{2}}
	got := "record " + hex.EncodeToString(raw) + "\nmessage " + hex.EncodeToString(m.encode()) + "\n"
	file := filepath.Join("testdata", "formats")
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the format has changed; that needs another version\n%s", got)
	}
	again := &rec{}
	if err := again.UnmarshalRecord(raw); err != nil || !reflect.DeepEqual(again, r) {
		t.Errorf("%+v, %v", again, err)
	}
}

func FuzzMessage(f *testing.F) {
	key, id := identity(f)
	s := sealed(f, example(id), key)
	f.Add((&message{cluster: "main", records: [][]byte{s}, digest: []digest{{1, 2}}, wants: []uint64{3}}).encode())
	f.Add([]byte{1, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := decode(data)
		if err != nil {
			if !errors.Is(err, host.ErrMalformed) {
				t.Errorf("%v", err)
			}
			return
		}
		again, err := decode(m.encode())
		if err != nil || !reflect.DeepEqual(again, m) {
			t.Errorf("%+v, %v", again, err)
		}
		for _, r := range m.records {
			if _, err := unseal(r); err != nil && !errors.Is(err, host.ErrMalformed) {
				t.Errorf("%v", err)
			}
		}
	})
}

func FuzzRecord(f *testing.F) {
	key, id := identity(f)
	raw, err := example(id).MarshalRecord()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Add(sealed(f, example(id), key))
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, err := peek(data); err != nil && !errors.Is(err, host.ErrMalformed) {
			t.Errorf("%v", err)
		}
		var r rec
		if err := r.UnmarshalRecord(data); err != nil {
			if !errors.Is(err, host.ErrMalformed) {
				t.Errorf("%v", err)
			}
			return
		}
		out, err := r.MarshalRecord()
		if err != nil {
			t.Fatal(err)
		}
		var again rec
		if err := again.UnmarshalRecord(out); err != nil || !reflect.DeepEqual(again, r) {
			t.Errorf("%+v, %v", again, err)
		}
	})
}
