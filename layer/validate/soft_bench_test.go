package validate_test

import (
	"testing"

	"github.com/weftdb/weft/layer/validate"
	"github.com/weftdb/weft/op"
)

func BenchmarkFindByKeyOfLiveRows(b *testing.B) {
	m := build(b, Folio{}, Shade{}, FolioShade{}, Leaf{}).Model("Folio")
	e := validate.New(validate.Options{})(&nowhere{})
	o := op.Op{Kind: op.Find, Model: m, Filter: op.Cmp("id", op.Eq, "1")}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := e.Do(ctx, o); err != nil {
			b.Fatal(err)
		}
	}
}
