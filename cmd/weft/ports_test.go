package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"testing"
)

// freePorts finds ports in a row that nobody listens on, and gives the first.
// The system gives them to nobody who asks for any port, so what is free now is
// free a little later too.
func freePorts(n int) (int, error) {
	for range 1000 {
		first := 10000 + rand.N(20000)
		var list []net.Listener
		var err error
		for i := 0; i < n && err == nil; i++ {
			var l net.Listener
			if l, err = net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", first+i)); err == nil {
				list = append(list, l)
			}
		}
		for _, l := range list {
			err = errors.Join(err, l.Close())
		}
		if err == nil {
			return first, nil
		}
	}
	return 0, errors.New("no port is free")
}

// freeAddr is an address with a port that nobody listens on, nor on the next of
// so many.
func freeAddr(t testing.TB, n int) string {
	t.Helper()
	port, err := freePorts(n)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("127.0.0.1:%d", port)
}
