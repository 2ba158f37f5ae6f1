package client

import (
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/weftdb/weft/op"
)

// Scheme opens databases of clusters by address, for package open:
//
//	weft://10.0.0.1:4001/default?peer=12D3Koo…
//	weft:///default?bootstrap=/ip4/10.0.0.1/tcp/4001/p2p/12D3Koo…
//
// The path is the namespace, "default" when there is none. A host needs the ID of
// its node as peer, which weft node id prints. bootstrap is the address of a node
// in the form of [Config.BootstrapPeers]; it may be given several times and beside
// a host. Further options: key (Config.PrivateKeyFile), data (Config.DataDir),
// dial_timeout and patience (durations such as 5s).
var Scheme = op.Scheme{
	Names: []string{"weft"},
	Form:  form,
	Open: func(address string) (op.Engine, error) {
		cfg, err := ParseURL(address)
		if err != nil {
			return nil, err
		}
		return Open(cfg), nil
	},
}

const form = "weft://HOST:4001/default?peer=12D3Koo…"

// ParseURL reads an address in the form of [Scheme].
func ParseURL(address string) (Config, error) {
	bad := func(format string, args ...any) (Config, error) {
		return Config{}, op.Errorf(op.CodeValidation, "weft: "+format+"; the form is "+form, args...)
	}
	cfg := DefaultConfig("")
	u, err := url.Parse(address)
	if err != nil {
		return bad("the address cannot be read: %v", err.(*url.Error).Err)
	}
	switch {
	case !strings.EqualFold(u.Scheme, "weft") || u.Opaque != "":
		return bad("the address does not begin with weft://")
	case u.User != nil:
		return bad("the address has a user, which there is none of")
	case u.Fragment != "":
		return bad("the address has a part behind #, which means nothing")
	}
	if ns := strings.TrimPrefix(u.Path, "/"); ns != "" {
		cfg.Namespace = ns
	}
	opts, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return bad("the options cannot be read: %v", err)
	}
	cfg.BootstrapPeers = opts["bootstrap"]
	peer := opts.Get("peer")
	for name, values := range opts {
		if name != "bootstrap" && len(values) > 1 {
			return bad("the option %q is given twice", name)
		}
		v := values[0]
		var err error
		switch name {
		case "peer", "bootstrap":
		case "key":
			cfg.PrivateKeyFile = v
		case "data":
			cfg.DataDir = v
		case "dial_timeout":
			cfg.DialTimeout, err = time.ParseDuration(v)
		case "patience":
			cfg.Patience, err = time.ParseDuration(v)
		default:
			return bad("the option %q is unknown; known are peer, bootstrap, key, data, dial_timeout, patience", name)
		}
		if err != nil {
			return bad("the option %s=%q is no duration such as 5s", name, v)
		}
	}
	if u.Host != "" {
		addr, err := multiaddr(u.Hostname(), u.Port())
		switch {
		case peer == "":
			return bad("the host %s needs the ID of its node: add ?peer=ID (weft node id prints it)", u.Host)
		case err != "":
			return bad("%s", err)
		}
		cfg.BootstrapPeers = append([]string{addr + "/p2p/" + peer}, cfg.BootstrapPeers...)
	} else if peer != "" {
		return bad("the option peer needs a host")
	}
	if err := cfg.Validate(); err != nil {
		return Config{}, op.Errorf(op.CodeValidation, "weft: %w", err)
	}
	return cfg, nil
}

// multiaddr is the address of a host and port, or what is wrong with them.
func multiaddr(host, port string) (addr, problem string) {
	if port == "" {
		port = "4001"
	}
	ip, err := netip.ParseAddr(host)
	switch {
	case err == nil && ip.Zone() != "":
		return "/ip6zone/" + ip.Zone() + "/ip6/" + ip.WithZone("").String() + "/tcp/" + port, ""
	case err == nil && ip.Unmap().Is4():
		return "/ip4/" + ip.Unmap().String() + "/tcp/" + port, ""
	case err == nil:
		return "/ip6/" + ip.String() + "/tcp/" + port, ""
	case host == "" || strings.Contains(host, "/"):
		return "", "the address has no host"
	}
	return "/dns/" + host + "/tcp/" + port, ""
}
