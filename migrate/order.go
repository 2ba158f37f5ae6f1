package migrate

import (
	"slices"
)

// stages is the order of steps: what is renamed is known by its new name from
// then on; foreign keys go first and come back last, so that columns can change;
// indexes go before the columns that they hold.
var stages = [][]Kind{
	{RenameTable},
	{RenameColumn},
	{DropForeignKey},
	{DropTable},
	{DropCheck},
	{DropIndex},
	{CreateTable},
	{RebuildTable},
	{AddColumn, AlterColumn, DropColumn, ReplaceKey},
	{AddCheck},
	{AddForeignKey},
	{ReplaceIndex},
	{AddIndex},
	{DropSearch},
	{AddSearch},
}

func stage(k Kind) int {
	return slices.IndexFunc(stages, func(ks []Kind) bool { return slices.Contains(ks, k) })
}

// sort brings the steps into their order. Of one stage those stay as they were
// found. A unique index that a new foreign key points at comes before it.
func (d *differ) sort() {
	pointed := map[string]bool{}
	for _, t := range d.want {
		for _, k := range t.foreign {
			if p := tableOf(d.want, k.refTable); p != nil {
				for _, x := range p.indexes {
					if x.unique && sameNames(x.columns, k.refColumns) {
						pointed[p.name+"\x00"+x.name] = true
					}
				}
			}
		}
	}
	place := func(s Step) int {
		n := stage(s.Kind)
		if (s.Kind == AddIndex || s.Kind == ReplaceIndex) && pointed[s.Table+"\x00"+s.Name] {
			n = stage(AddForeignKey) - 1
		}
		if s.Kind == DropSearch && d.searchFirst[s.Table] {
			n = stage(DropTable)
		}
		return n
	}
	slices.SortStableFunc(d.Steps, func(a, b Step) int { return place(a) - place(b) })
	if len(d.Steps) > 0 && d.meta == nil { // what already fits is left without a trace
		d.Steps = slices.Insert(d.Steps, 0, d.metaTableStep())
	}
}
