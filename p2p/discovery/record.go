package discovery

import (
	"errors"
	"fmt"
	"unicode"
	"unicode/utf8"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/record"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/weftdb/weft/p2p/host"
)

// Bounds of a record. A peer that sends more is malformed.
const (
	maxRecord   = 64 << 10 // bytes, sealed
	maxAddrs    = 16
	maxServices = 64
	maxGroups   = 512
	maxName     = 100 // bytes of a service, a group, a cluster
	maxAddr     = 256
)

// rec is what a node says of itself. It is sealed with the node's key, so that
// anybody can pass it on and nobody can change it.
type rec struct {
	cluster  string
	id       peer.ID
	seq      uint64 // grows with each new record of the same node
	addrs    []string
	services []string
	groups   []string
}

var _ record.Record = (*rec)(nil)

// recordVersion is the first byte of an encoded record.
const recordVersion = 1

// Domain is what the signature is for.
func (*rec) Domain() string { return "weft-node-record" }

// Codec names the payload in an envelope.
func (*rec) Codec() []byte { return []byte("/weft/node/1") }

// MarshalRecord encodes the record.
func (r *rec) MarshalRecord() ([]byte, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	e := encoder{recordVersion}
	e.text(r.cluster)
	e.text(string(r.id))
	e.num(r.seq)
	e.list(r.addrs)
	e.list(r.services)
	e.list(r.groups)
	return e, nil
}

// UnmarshalRecord decodes and checks a record.
func (r *rec) UnmarshalRecord(data []byte) error {
	d := decoder{in: data}
	if v := d.byte(); d.err == nil && v != recordVersion {
		return fmt.Errorf("%w: record of version %d, this program reads %d", host.ErrMalformed, v, recordVersion)
	}
	r.cluster = d.text(maxName)
	r.id = peer.ID(d.text(128))
	r.seq = d.num()
	r.addrs = d.list(maxAddrs, maxAddr)
	r.services = d.list(maxServices, maxName)
	r.groups = d.list(maxGroups, maxName)
	if err := d.end(); err != nil {
		return err
	}
	return r.check()
}

func (r *rec) check() error {
	if err := r.id.Validate(); err != nil {
		return fmt.Errorf("%w: peer ID: %w", host.ErrMalformed, err)
	}
	if err := checkName("cluster", r.cluster); err != nil {
		return err
	}
	if len(r.addrs) > maxAddrs || len(r.services) > maxServices || len(r.groups) > maxGroups {
		return fmt.Errorf("%w: at most %d addresses, %d services and %d groups", host.ErrMalformed, maxAddrs, maxServices, maxGroups)
	}
	for _, a := range r.addrs {
		m, err := ma.NewMultiaddr(a)
		if err != nil || len(a) > maxAddr {
			return fmt.Errorf("%w: address %.80q", host.ErrMalformed, a)
		}
		if _, err := m.ValueForProtocol(ma.P_P2P); err == nil && !isRelayed(m) {
			return fmt.Errorf("%w: address %.80q names a peer", host.ErrMalformed, a)
		}
	}
	for _, s := range r.services {
		if err := checkName("service", s); err != nil {
			return err
		}
	}
	for _, s := range r.groups {
		if err := checkName("group", s); err != nil {
			return err
		}
	}
	return nil
}

func isRelayed(a ma.Multiaddr) bool {
	_, err := a.ValueForProtocol(ma.P_CIRCUIT)
	return err == nil
}

// checkName holds for clusters, services and groups.
func checkName(what, s string) error {
	bad := s == "" || len(s) > maxName || !utf8.ValidString(s)
	for _, c := range s {
		bad = bad || !unicode.IsPrint(c)
	}
	if bad {
		return fmt.Errorf("%w: %s name %.120q must be 1 to %d bytes of printable text", host.ErrMalformed, what, s, maxName)
	}
	return nil
}

// seal signs a record.
func (r *rec) seal(key crypto.PrivKey) ([]byte, error) {
	if err := r.check(); err != nil { // Seal would hide what kind of error it is
		return nil, err
	}
	env, err := record.Seal(r, key)
	if err != nil {
		return nil, fmt.Errorf("sign record: %w", err)
	}
	out, err := env.Marshal()
	if err == nil && len(out) > maxRecord {
		err = fmt.Errorf("%w: the record of this node has %d bytes, at most %d are allowed; it holds too many groups", host.ErrTooLarge, len(out), maxRecord)
	}
	return out, err
}

// peek reads a sealed record without looking at the signature: enough to see
// that it is not news.
func peek(sealed []byte) (*rec, error) {
	if len(sealed) > maxRecord {
		return nil, fmt.Errorf("%w: record of %d bytes", host.ErrMalformed, len(sealed))
	}
	env, err := record.UnmarshalEnvelope(sealed)
	if err != nil {
		return nil, fmt.Errorf("%w: envelope: %w", host.ErrMalformed, err)
	}
	r := &rec{}
	return r, r.UnmarshalRecord(env.RawPayload)
}

// unseal reads a sealed record and checks that the peer it is about signed it.
func unseal(sealed []byte) (*rec, error) {
	if len(sealed) > maxRecord {
		return nil, fmt.Errorf("%w: record of %d bytes", host.ErrMalformed, len(sealed))
	}
	r := &rec{}
	env, err := record.ConsumeTypedEnvelope(sealed, r)
	if err != nil {
		return nil, fmt.Errorf("%w: envelope: %w", host.ErrMalformed, err)
	}
	if !r.id.MatchesPublicKey(env.PublicKey) {
		return nil, fmt.Errorf("%w: a record of %s that another peer signed", host.ErrMalformed, r.id)
	}
	return r, nil
}

var errShort = errors.New("it ends too early")
