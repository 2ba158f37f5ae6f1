package gateway

import "testing"

func TestRemoteAddress(t *testing.T) {
	for addr, want := range map[string]bool{
		"127.0.0.1:80": true, "127.9.9.9:1": true, "[::1]:80": true, "[::ffff:127.0.0.1]:80": true,
		"10.0.0.1:80": false, "[::]:80": false, "0.0.0.0:80": false, "[::ffff:10.0.0.1]:80": false, "[fe80::1%lo]:80": false,
		"localhost:80": false, "": false, "@": false, "127.0.0.1": false,
	} {
		if got := loopbackAddr(addr); got != want {
			t.Errorf("%q: %t", addr, got)
		}
	}
}
