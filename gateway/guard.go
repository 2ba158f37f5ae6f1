package gateway

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/weftdb/weft/op"
)

// closedText is what everybody is told who may not ask for data.
const closedText = "data is closed here: set gateway.open_loopback to true to open the namespace " + Default +
	" to programs on this node's own machine, or use the Go client, which comes in over the peer-to-peer port; access by token over HTTP does not exist yet"

// allow decides whether a request may reach a namespace's data. There are no
// tokens yet: it may when the namespace is default, open_loopback is set, and
// the request comes from a program on this machine and not from a web page that
// made a browser send it.
func (g *Gateway) allow(r *http.Request, ns string) error {
	if !g.cfg.OpenLoopback || ns != Default {
		return op.Errorf(op.CodeUnauthorized, closedText)
	}
	if !loopbackAddr(r.RemoteAddr) {
		return op.Errorf(op.CodeUnauthorized, "%s is not this node's own machine: %s", r.RemoteAddr, closedText)
	}
	// A proxy on this machine passes on what others sent.
	for _, h := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip", "Via"} {
		if r.Header.Get(h) != "" {
			return op.Errorf(op.CodeUnauthorized, "the header %s says that a proxy passed the request on: %s", h, closedText)
		}
	}
	return notFromPage(r)
}

// notFromPage refuses what a browser sends for a page of somebody else: the name
// of a foreign host that was made to resolve to this machine, or a page of
// another origin.
func notFromPage(r *http.Request) error {
	if !loopbackHost(r.Host) {
		return op.Errorf(op.CodeForbidden, "the Host header is %q: use localhost or 127.0.0.1, for a foreign name is how a web page would reach this node", r.Host)
	}
	for _, origin := range r.Header.Values("Origin") {
		u, err := url.Parse(origin)
		if err != nil || u.Host == "" || !strings.EqualFold(u.Host, r.Host) {
			return op.Errorf(op.CodeForbidden, "the Origin header is %q: web pages of other origins may not reach this node", origin)
		}
	}
	switch site := r.Header.Get("Sec-Fetch-Site"); site {
	case "", "none", "same-origin":
		return nil
	default:
		return op.Errorf(op.CodeForbidden, "the request comes from a web page of another site (Sec-Fetch-Site: %s)", site)
	}
}

// loopbackAddr reports whether host:port is on this machine.
func loopbackAddr(addr string) bool {
	ap, err := netip.ParseAddrPort(addr)
	return err == nil && ap.Addr().Unmap().IsLoopback()
}

// loopbackHost reports whether a Host header names this machine.
func loopbackHost(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if strings.EqualFold(host, "localhost") {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.Unmap().IsLoopback()
}
