package raftgroup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/sqlengine"
)

// count is a cursor of n rows of some size.
type count struct {
	n, at, size int
	fail        error
	closed      bool
}

func (c *count) Next() (bool, error) {
	if c.at == c.n {
		return false, c.fail
	}
	c.at++
	return true, nil
}

func (c *count) Kind(col int) sqlengine.Kind { return sqlengine.Kind(col) }
func (c *count) Int(int) int64               { return int64(c.at) }
func (c *count) Float(int) float64           { return float64(c.at) / 2 }
func (c *count) View(int) []byte             { return bytes.Repeat([]byte{byte(c.at)}, c.size) }

func (c *count) Close() error {
	c.closed = true
	return nil
}

func TestSpool(t *testing.T) {
	for _, n := range []int{0, 1, 70, 3000, 20000} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			src := &count{n: n, size: 500}
			s := &spool{ctx: context.Background(), src: src}
			seen := 0
			if err := s.fill(5, nil, func([]byte) { seen++ }); err != nil {
				t.Fatal(err)
			}
			if !src.closed || seen != n {
				t.Fatalf("the source is closed: %t, %d rows were seen of %d", src.closed, seen, n)
			}
			if large := n > 10000; (s.file != nil) != large {
				t.Errorf("%d rows in a file: %t", n, s.file != nil)
			}
			for i := 1; i <= n; i++ {
				ok, err := s.Next()
				if err != nil || !ok {
					t.Fatalf("row %d: %t %v", i, ok, err)
				}
				if s.Kind(0) != sqlengine.Null || s.Int(1) != int64(i) || s.Float(2) != float64(i)/2 ||
					len(s.View(3)) != 500 || s.View(4)[499] != byte(i) {
					t.Fatalf("row %d is another one", i)
				}
			}
			if ok, err := s.Next(); ok || err != nil {
				t.Fatalf("behind the last row: %t %v", ok, err)
			}
			if err := errors.Join(s.Close(), s.Close()); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestSpoolFails(t *testing.T) {
	why := errors.New("no more")
	src := &count{n: 20000, size: 500, fail: why}
	s := &spool{src: src}
	if err := s.fill(5, nil, nil); !errors.Is(err, why) || !src.closed {
		t.Errorf("%v; closed: %t", err, src.closed)
	}
	expired := make(chan struct{})
	close(expired)
	s = &spool{src: &count{n: 1000, size: 1}}
	if err := s.fill(5, expired, nil); !errors.Is(err, errExpired) {
		t.Errorf("a read that is to make room: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s = &spool{ctx: ctx, src: &count{n: 1000, size: 1}}
	if err := s.fill(5, nil, nil); err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := s.Next(); op.CodeOf(err) != op.CodeCancelled {
		t.Errorf("after the context has ended: %v", err)
	}
}
