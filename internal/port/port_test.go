package port

import (
	"errors"
	"net"
	"runtime"
	"strconv"
	"syscall"
	"testing"
)

func TestKeep(t *testing.T) {
	at := net.JoinHostPort("127.0.0.1", strconv.Itoa(Keep(t)))
	for range 2 { // and again when it was given up
		if c, err := net.Dial("tcp", at); !errors.Is(err, syscall.ECONNREFUSED) && runtime.GOOS == "linux" {
			t.Errorf("somebody is there: %v, %v", c, err)
		}
		l, err := net.Listen("tcp", at)
		if err != nil {
			t.Fatal(err)
		}
		c, err := net.Dial("tcp", at)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(c.Close(), l.Close()); err != nil {
			t.Error(err)
		}
	}
}
