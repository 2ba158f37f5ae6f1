package replica

import (
	"context"
	"fmt"
	"testing"

	"github.com/weftdb/weft/raftgroup/conn"
)

// steady has the timeouts of a server.
func steady() Config {
	cfg := Default()
	cfg.Group = "test"
	return cfg
}

// BenchmarkPropose is entries of 1 KiB that do nothing, on three nodes.
func BenchmarkPropose(b *testing.B) {
	if err := conn.OnApply(func(*conn.Conn, string, []byte) error { return nil }); err != nil {
		b.Fatal(err)
	}
	nodes := cluster(b, 3, steady())
	entry := make([]byte, 1024)
	for _, writers := range []int{1, 16, 128} {
		b.Run(fmt.Sprint(writers), func(b *testing.B) {
			b.SetParallelism(writers)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := nodes[0].r.Propose(context.Background(), entry); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}

// BenchmarkBarrier is barriers on three nodes.
func BenchmarkBarrier(b *testing.B) {
	nodes := cluster(b, 3, steady())
	for _, readers := range []int{1, 128} {
		b.Run(fmt.Sprint(readers), func(b *testing.B) {
			b.SetParallelism(readers)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := nodes[0].r.Barrier(context.Background()); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}
