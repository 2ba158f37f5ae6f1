package catalog

import (
	"fmt"
	"slices"
)

// prefixes are the characters and bytes of a long column that Weft has MySQL
// index, where it need not index all.
var prefixes = []int{191, 255}

// IndexColumns are the columns of an index. odd says what an index of a model
// cannot be; it is empty where a model can have the same.
func (d *Database) IndexColumns(t *Table, x *Index) (columns []string, odd string) {
	for i, part := range x.Parts {
		c := t.Column(part.Column)
		switch {
		case part.Expr == "rowid" && part.Column == "" && d.Dialect == SQLite:
			odd = "goes by the row's number"
			continue
		case part.Expr != "":
			odd = "goes by an expression"
			continue
		case d.Dialect == MySQL && part.Column == LiveColumn && i == len(x.Parts)-1:
			odd = "holds among live rows: give the model soft delete (weft.SoftDelete)"
			continue
		case part.Desc:
			odd = "is descending in " + part.Column
		case part.Prefix > 0 && (x.Unique || !slices.Contains(prefixes, part.Prefix) || !t.Made):
			odd = fmt.Sprintf("goes by the first %d characters of %s", part.Prefix, part.Column)
		case d.Dialect == Postgres && part.Class != "":
			odd = "compares " + part.Column + " by " + part.Class
		case d.Dialect == Postgres && part.Collation != "" && c != nil && part.Collation != c.Collation:
			odd = "sorts " + part.Column + " by " + part.Collation
		}
		columns = append(columns, part.Column)
	}
	switch {
	case x.Method == "exclude":
		odd = "keeps rows from being there at once (EXCLUDE)"
	case x.Method != "" && !(x.Method == "hash" && d.Dialect == MySQL):
		odd = "is of the kind " + x.Method
	case len(x.Include) > 0:
		odd = "holds other columns beside (INCLUDE)"
	case x.NullsEqual && x.Unique:
		odd = "takes NULLs for equal"
	case x.Deferrable != "":
		odd = "is checked at the end of transactions (DEFERRABLE)"
	case x.Invalid:
		odd = "was not finished (drop it, or REINDEX)"
	}
	return columns, odd
}
