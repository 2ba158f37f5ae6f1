package replica

import (
	"bytes"
	"errors"
	"testing"

	"github.com/weftdb/weft/p2p/host"
)

func FuzzHeader(f *testing.F) {
	f.Add(header{kind: kindRaft, group: "g", to: "a.1", from: "b.2"}.encode())
	f.Add([]byte{headerVersion + 1, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := readHeader(bytes.NewReader(b))
		if err != nil {
			return
		}
		again, err := readHeader(bytes.NewReader(h.encode()))
		if err != nil || again != h {
			t.Fatalf("%+v, %+v, %v", h, again, err)
		}
	})
}

func FuzzAnswer(f *testing.F) {
	f.Add(encodeAnswer(nil))
	f.Add(encodeAnswer(&refusal{answerOther, "a.1"}))
	f.Fuzz(func(t *testing.T, b []byte) { readAnswer(bytes.NewReader(b)) })
}

func FuzzState(f *testing.F) {
	f.Add(state{known: true, term: 1, last: 2, applied: 3, commit: 4}.encode(7), uint64(7))
	f.Fuzz(func(t *testing.T, b []byte, seq uint64) {
		s, err := decodeState(b, seq)
		if err == nil && !bytes.Equal(s.encode(seq), b) {
			t.Fatalf("%+v", s)
		}
	})
}

func FuzzIdentity(f *testing.F) {
	f.Add([]byte(`{"format":1,"group":"g","peer":"p","incarnation":"0123456789abcdef","used":true}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if id, err := decodeIdentity(b); err == nil {
			if _, err := PeerOf(id.server()); err != nil && id.Peer == "" {
				t.Fatal(err)
			}
		}
	})
}

func TestHeaders(t *testing.T) {
	for _, h := range []header{{kind: kindRaft, group: "g", to: "a.1", from: "b.2"}, {kind: kindAsk, group: "g"}} {
		got, err := readHeader(bytes.NewReader(h.encode()))
		if err != nil || got != h {
			t.Errorf("%+v, %v", got, err)
		}
	}
	var no *refusal
	if _, err := readHeader(bytes.NewReader([]byte{9, 1})); !errors.As(err, &no) || no.code != answerVersion {
		t.Errorf("newer version: %v", err)
	}
	for _, bad := range [][]byte{{headerVersion, 9}, {headerVersion, kindRaft, 0, 0, 0}} {
		if _, err := readHeader(bytes.NewReader(bad)); !errors.Is(err, host.ErrMalformed) {
			t.Errorf("%v: %v", bad, err)
		}
	}
	if err := readAnswer(bytes.NewReader(encodeAnswer(nil))); err != nil {
		t.Error(err)
	}
	for _, s := range []string{"", ".", "a.", ".b", "a"} {
		if _, err := PeerOf(s); err == nil {
			t.Errorf("%q names a copy", s)
		}
	}
}
