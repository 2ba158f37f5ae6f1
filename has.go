package weft

import "github.com/weftdb/weft/op"

// Has holds for rows that a relation (JSON or Go name) leads from to at least
// one row for which all conditions hold; they are conditions on the related
// rows and may look at relations of their own. It works wherever a condition
// does, for relations of every kind.
func Has(relation string, conds ...Cond) Cond {
	c := related(op.Has, relation, conds)
	return c
}

// HasCount compares the number of related rows for which all conditions hold:
//
//	weft.HasCount("books", ">=", 3, weft.If("inPrint", "=", true))
//
// Operators: = (==), !=, <, <=, >, >=.
func HasCount(relation, operator string, n int64, conds ...Cond) Cond {
	c := related(op.HasCount, relation, conds)
	c.c.N = n
	o, err := op.ParseOperator(operator)
	if err == nil && (o < op.Eq || o > op.Ge) {
		err = op.Invalid("", relation, "operator", "a count is compared by = != < <= > >=, not by %s", operator)
	}
	c.c.Op = o
	if err != nil {
		c.err = err
	}
	return c
}

// related joins conditions on the rows that a relation leads to.
func related(kind op.CondKind, relation string, conds []Cond) Cond {
	c := join(kind, conds)
	c.c.Relation = relation
	if c.from.col.model != "" || len(c.from.rels) > 0 {
		c.from = origin{rels: []relOrigin{{relation, c.from}}}
	}
	return c
}
