package encrypt_test

import (
	"fmt"
	"testing"

	"github.com/weftdb/weft/layer/encrypt"
	"github.com/weftdb/weft/op"
)

// BenchmarkRotate brings rows with two encrypted values each under another key.
func BenchmarkRotate(b *testing.B) {
	const rows = 10_000
	p := onFile(b, "k0")
	o := op.Op{Kind: op.Insert, Model: p.person}
	for i := range rows {
		o.Rows = append(o.Rows, row(b, p.person, map[string]any{"id": fmt.Sprintf("%06d", i), "ssn": ssn, "pay": i}))
	}
	p.do(o)
	n := 0
	for b.Loop() {
		n++
		if err := p.rotate(encrypt.Rotation{}, fmt.Sprint("k", n), fmt.Sprint("k", n-1)); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(rows)*float64(n)/b.Elapsed().Seconds(), "rows/s")
}

func BenchmarkGet(b *testing.B) {
	p := onFile(b, "k1")
	p.insert(p.person, map[string]any{"id": "a", "ssn": ssn})
	for _, fields := range [][]string{{"id", "name"}, {"id", "ssn"}} {
		b.Run(fields[1], func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := p.get("a", fields...); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
