package op_test

import (
	"testing"
	"time"

	"github.com/weftdb/weft/op"
)

// BenchmarkNormalize measures operations that are canonical already: what every
// call of the typed API pays.
func BenchmarkNormalize(b *testing.B) {
	m := wide(b)
	now := time.Now().UTC().Truncate(time.Microsecond)
	cases := []struct {
		name string
		op   op.Op
	}{
		{"get", op.Op{Kind: op.Find, Model: m, Filter: op.Cmp("id", op.Eq, "0192f0c1-0000-7000-8000-000000000001"), Limit: 1}},
		{"list", op.Op{
			Kind: op.Find, Model: m, Filter: op.Cmp("isPublic", op.Eq, true),
			Sort: []op.Sort{{Field: "createdAt", Desc: true}, {Field: "id"}}, Limit: 20,
		}},
		{"insert", op.Op{Kind: op.Insert, Model: m, Rows: [][]any{{
			"0192f0c1-0000-7000-8000-000000000001", "A title", "A longer body of text, as posts have one.",
			int64(1234567), 1.5, true, now, now,
		}}}},
	}
	for _, c := range cases {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				o := c.op
				if err := op.Normalize(&o); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
