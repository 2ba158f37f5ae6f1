package host

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// counted counts writes, and waits in each for a word.
type counted struct {
	net.Conn
	mu     sync.Mutex
	writes int
	gate   chan struct{}
}

func (c *counted) Write(b []byte) (int, error) {
	c.mu.Lock()
	c.writes++
	c.mu.Unlock()
	if c.gate != nil {
		<-c.gate
	}
	return c.Conn.Write(b)
}

// TestCombinedWrites writes from many goroutines while the first write is held
// up: each frame arrives whole, those of one goroutine in order, and all that
// waited in one write.
func TestCombinedWrites(t *testing.T) {
	a, b := net.Pipe()
	inner := &counted{Conn: a, gate: make(chan struct{})}
	c := &combined{Conn: inner}
	const writers, frames = 16, 50
	if _, err := c.Write([]byte{255, 255}); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for f := range frames {
				if n, err := c.Write([]byte{byte(w), byte(f)}); n != 2 || err != nil {
					t.Errorf("%d, %v", n, err)
				}
			}
		})
	}
	all.Wait() // none of them waits for the network
	close(inner.gate)
	got := make([]byte, 2+writers*frames*2)
	if _, err := io.ReadFull(b, got); err != nil {
		t.Fatal(err)
	}
	next := map[byte]byte{}
	for i := 2; i < len(got); i += 2 {
		if w, f := got[i], got[i+1]; next[w] != f {
			t.Fatalf("frame %d of writer %d where %d should be", f, w, next[w])
		}
		next[got[i]]++
	}
	if inner.writes > 2 {
		t.Errorf("%d writes, not 2", inner.writes)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestCombinedWaits lets Write wait once too much is under way, until there is
// room.
func TestCombinedWaits(t *testing.T) {
	a, b := net.Pipe()
	c := &combined{Conn: a}
	big := bytes.Repeat([]byte("x"), mostCombined)
	if _, err := c.Write(big); err != nil {
		t.Fatal(err)
	}
	until(t, "the first is under way", func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.writing && len(c.next) == 0
	})
	if _, err := c.Write(big); err != nil {
		t.Fatal(err)
	}
	third := make(chan error, 1)
	go func() {
		_, err := c.Write([]byte("y"))
		third <- err
	}()
	select {
	case err := <-third:
		t.Fatalf("it did not wait: %v", err)
	case <-time.After(20 * time.Millisecond):
	}
	got := make([]byte, 2*len(big)+1)
	if _, err := io.ReadFull(b, got); err != nil {
		t.Fatal(err)
	}
	if err := <-third; err != nil || got[len(got)-1] != 'y' {
		t.Fatalf("%v, %q", err, got[len(got)-1])
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestCombinedFails tells later writes, and those that wait, what the network
// said.
func TestCombinedFails(t *testing.T) {
	a, _ := net.Pipe()
	c := &combined{Conn: a}
	if err := c.SetWriteDeadline(time.Now().Add(10 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	until(t, "it is told", func() bool {
		_, err := c.Write([]byte("x"))
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal(err)
		}
		return err != nil
	})
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestCombinedCloses sends what was written before Close, and does not wait for
// ever for a peer that reads nothing.
func TestCombinedCloses(t *testing.T) {
	synctest.Test(t, combinedCloses) // a reader that gets no processor is not late
}

func combinedCloses(t *testing.T) {
	a, b := net.Pipe()
	c := &combined{Conn: a}
	if _, err := c.Write([]byte("last")); err != nil {
		t.Fatal(err)
	}
	read := make(chan string, 1)
	go func() {
		got, _ := io.ReadAll(b) // what came before the end
		read <- string(got)
	}()
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if got := <-read; got != "last" {
		t.Errorf("%q arrived", got)
	}
	if _, err := c.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("%v", err)
	}
	a, b = net.Pipe()
	defer b.Close()
	c = &combined{Conn: a}
	if _, err := c.Write([]byte("nobody reads this")); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestCombinedIsPatient gives each piece of what was combined the time that one
// write has: a slow network is not taken for one that stands still.
func TestCombinedIsPatient(t *testing.T) {
	synctest.Test(t, combinedIsPatient)
}

func combinedIsPatient(t *testing.T) {
	a, b := net.Pipe()
	c := &combined{Conn: a}
	if err := c.SetWriteDeadline(time.Now().Add(400 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if err := b.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	const pieces = 8
	if _, err := c.Write(bytes.Repeat([]byte("x"), pieces*onePiece)); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, onePiece)
	for i := range pieces {
		<-time.After(80 * time.Millisecond) // the network, of which all take longer than one may
		if _, err := io.ReadFull(b, got); err != nil {
			t.Fatalf("piece %d: %v", i, err)
		}
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
}
