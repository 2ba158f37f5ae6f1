package replica

import (
	"fmt"
	"io"
	"strings"

	"github.com/weftdb/weft/p2p/host"
)

// Protocol is what replicas speak to each other, as a name for the host.
const Protocol = "raft/1"

// What a stream is for.
const (
	kindRaft byte = 1 // raft's own messages
	kindAsk  byte = 2 // questions about a copy, see ask.go
)

const headerVersion = 1

// header is what the node that opens a stream says first.
type header struct {
	kind  byte
	group string
	to    string // the copy that is meant; "" is whichever the node has (kindAsk)
	from  string // the copy that asks
}

// What the other node answers to a header.
const (
	answerOK        byte = 0
	answerNoGroup   byte = 1 // this node has no copy of the group
	answerOther     byte = 2 // it has one, but another incarnation
	answerForbidden byte = 3
	answerStopped   byte = 4 // it has one that does not run now
	answerVersion   byte = 5
)

// refusal is the answer of a node that does not serve a stream.
type refusal struct {
	code byte
	text string // of answerOther: the copy that the node has
}

func (e *refusal) Error() string {
	switch e.code {
	case answerNoGroup:
		return "replica: the node holds no copy of this group"
	case answerOther:
		return "replica: the node holds another copy now: " + e.text
	case answerForbidden:
		return "replica: the node does not trust this one"
	case answerStopped:
		return "replica: the node's copy is stopped: " + e.text
	}
	return "replica: the node speaks another version: " + e.text
}

// encode is the header as it is sent. Names of more than 255 bytes are cut; no
// such group can be opened.
func (h header) encode() []byte {
	b := []byte{headerVersion, h.kind}
	for _, s := range []string{h.group, h.to, h.from} {
		b = appendShort(b, s)
	}
	return b
}

func appendShort(b []byte, s string) []byte {
	s = s[:min(len(s), 255)]
	return append(append(b, byte(len(s))), s...)
}

func readShort(r io.Reader) (string, error) {
	var n [1]byte
	if _, err := io.ReadFull(r, n[:]); err != nil {
		return "", err
	}
	b := make([]byte, n[0])
	if _, err := io.ReadFull(r, b); err != nil {
		return "", err
	}
	return string(b), nil
}

// readHeader reads what encode wrote. A stream that is not one is
// host.ErrMalformed; a version that is not known is a refusal.
func readHeader(r io.Reader) (header, error) {
	var b [2]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return header{}, fmt.Errorf("read header: %w", err)
	}
	if b[0] != headerVersion {
		return header{}, &refusal{answerVersion, fmt.Sprintf("this node knows version %d, not %d", headerVersion, b[0])}
	}
	h := header{kind: b[1]}
	if h.kind != kindRaft && h.kind != kindAsk {
		return header{}, fmt.Errorf("read header: %w: there is no kind %d", host.ErrMalformed, h.kind)
	}
	for _, s := range []*string{&h.group, &h.to, &h.from} {
		var err error
		if *s, err = readShort(r); err != nil {
			return header{}, fmt.Errorf("read header: %w", err)
		}
	}
	if h.group == "" {
		return header{}, fmt.Errorf("read header: %w: it names no group", host.ErrMalformed)
	}
	return h, nil
}

// encodeAnswer is the answer to a header; nil is yes.
func encodeAnswer(no *refusal) []byte {
	if no == nil {
		no = &refusal{code: answerOK}
	}
	return appendShort([]byte{no.code}, no.text)
}

func readAnswer(r io.Reader) error {
	var b [1]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	text, err := readShort(r)
	if err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	if b[0] == answerOK {
		return nil
	}
	if b[0] > answerVersion {
		return fmt.Errorf("read answer: %w: there is no answer %d", host.ErrMalformed, b[0])
	}
	return &refusal{b[0], text}
}

// serverName is the name of a copy: whose it is and which. It is its address,
// too.
func serverName(peer host.ID, incarnation string) string { return string(peer) + "." + incarnation }

// PeerOf is the peer that a copy belongs to, by its name.
func PeerOf(server string) (host.ID, error) {
	peer, incarnation, ok := strings.Cut(server, ".")
	if !ok || peer == "" || incarnation == "" {
		return "", fmt.Errorf("replica: %q does not name a copy; it must be like 12D3Koo….0123456789abcdef", server)
	}
	return host.ID(peer), nil
}
