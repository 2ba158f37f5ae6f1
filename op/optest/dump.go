package optest

import (
	"fmt"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"github.com/weftdb/weft/op"
)

// dumpOp writes an operation in Go syntax, with d.model and the short forms of
// this package, so that it can be pasted into a test of the suite.
func dumpOp(o op.Op) string {
	var p []string
	add := func(format string, args ...any) { p = append(p, fmt.Sprintf(format, args...)) }
	add("Kind: op.%s", kindName(o.Kind))
	if o.Model != nil {
		add("Model: d.model(%q)", o.Model.Name)
	}
	if o.User != "" {
		add("User: %q", o.User)
	}
	for _, c := range []struct {
		name string
		cond op.Cond
	}{{"Filter", o.Filter}, {"Using", o.Using}, {"Check", o.Check}} {
		if c.cond.Kind != op.True {
			add("%s: %s", c.name, dumpCond(c.cond))
		}
	}
	if o.Fields != nil {
		add("Fields: %#v", o.Fields)
	}
	if len(o.Sort) > 0 {
		add("Sort: %s", dumpSort(o.Sort))
	}
	if o.Limit != 0 {
		add("Limit: %d", o.Limit)
	}
	if o.Offset != 0 {
		add("Offset: %d", o.Offset)
	}
	if o.After != nil {
		add("After: %s", dumpList(o.After))
	}
	if o.Before != nil {
		add("Before: %s", dumpList(o.Before))
	}
	if o.Distinct {
		add("Distinct: true")
	}
	if o.Via != nil {
		add("Via: &op.Via{Model: d.model(%q), Relation: %q, Keys: %s, Limit: %d, Offset: %d, Join: %s}",
			o.Via.Model.Name, o.Via.Relation, dumpRows(o.Via.Keys), o.Via.Limit, o.Via.Offset, dumpCond(o.Via.Join))
	}
	for _, w := range o.With {
		add("With: %#v", w.Relation)
	}
	if o.GroupBy != nil {
		add("GroupBy: %#v", o.GroupBy)
	}
	if len(o.Aggs) > 0 {
		var as []string
		for _, a := range o.Aggs {
			as = append(as, fmt.Sprintf("{Func: %d, Field: %q, As: %q}", a.Func, a.Field, a.As))
		}
		add("Aggs: []op.Agg{%s}", strings.Join(as, ", "))
	}
	if o.Having.Kind != op.True {
		add("Having: %s", dumpCond(o.Having))
	}
	if o.Rows != nil {
		add("Rows: %s", dumpRows(o.Rows))
	}
	if o.Conflict != nil {
		add("Conflict: &op.Conflict{Fields: %#v, Update: %#v, Set: %s}", o.Conflict.Fields, o.Conflict.Update, dumpSet(o.Conflict.Set))
	}
	if o.Set != nil {
		add("Set: %s", dumpSet(o.Set))
	}
	if o.Returning {
		add("Returning: true")
	}
	if o.WithDeleted {
		add("WithDeleted: true")
	}
	if o.Purge {
		add("Purge: true")
	}
	for _, g := range o.Guards {
		add("Guards: []op.Guard{{Kind: %d, Model: d.model(%q), Filter: %s, Must: %s, Rows: %d, Version: %d}}",
			g.Kind, g.Model.Name, dumpCond(g.Filter), dumpCond(g.Must), g.Rows, g.Version)
	}
	if o.Batch != nil {
		var bs []string
		for _, b := range o.Batch {
			bs = append(bs, "\n\t\t"+dumpOp(b))
		}
		add("Batch: []op.Op{%s}", strings.Join(bs, ","))
	}
	return "op.Op{" + strings.Join(p, ", ") + "}"
}

var kindNames = map[op.Kind]string{
	op.Find: "Find", op.Count: "Count", op.Aggregate: "Aggregate", op.Insert: "Insert", op.Update: "Update",
	op.Delete: "Delete", op.Upsert: "Upsert", op.Increment: "Increment", op.Batch: "Batch", op.Watch: "Watch",
	op.SQL: "SQL", op.Migrate: "Migrate", op.Backup: "Backup",
}

func kindName(k op.Kind) string {
	if n, ok := kindNames[k]; ok {
		return n
	}
	return fmt.Sprintf("Kind(%d)", k)
}

var operatorNames = map[op.Operator]string{
	op.Eq: "Eq", op.Ne: "Ne", op.Lt: "Lt", op.Le: "Le", op.Gt: "Gt", op.Ge: "Ge", op.In: "In", op.NotIn: "NotIn",
	op.Between: "Between", op.Like: "Like", op.StartsWith: "StartsWith", op.EndsWith: "EndsWith",
	op.Contains: "Contains", op.IsNull: "IsNull", op.NotNull: "NotNull",
}

func dumpCond(c op.Cond) string {
	nested := func(name string) string {
		parts := make([]string, len(c.Conds))
		for i, x := range c.Conds {
			parts[i] = dumpCond(x)
		}
		return name + "(" + strings.Join(parts, ", ") + ")"
	}
	switch c.Kind {
	case op.True:
		return "op.Cond{}"
	case op.False:
		return "op.Cond{Kind: op.False}"
	case op.And:
		return nested("and")
	case op.Or:
		return nested("or")
	case op.Not:
		return nested("not")
	case op.Has:
		return fmt.Sprintf("op.Cond{Kind: op.Has, Relation: %q, Conds: %s%s}", c.Relation, nested("[]op.Cond"), dumpJoin(c))
	case op.HasCount:
		return fmt.Sprintf("op.Cond{Kind: op.HasCount, Relation: %q, Op: op.%s, N: %d, Conds: %s%s}",
			c.Relation, operatorNames[c.Op], c.N, nested("[]op.Cond"), dumpJoin(c))
	case op.Match:
		return fmt.Sprintf("op.Cond{Kind: op.Match, Value: %s, Fields: %#v}", dumpValue(c.Value), c.Fields)
	}
	s := fmt.Sprintf("op.Cond{Kind: op.Compare, Field: %q", c.Field)
	if len(c.Path) > 0 {
		s += fmt.Sprintf(", Path: %#v", c.Path)
	}
	s += ", Op: op." + operatorNames[c.Op]
	if c.Value != nil {
		s += ", Value: " + dumpValue(c.Value)
	}
	if c.List != nil {
		s += ", List: " + dumpList(c.List)
	}
	return s + "}"
}

func dumpJoin(c op.Cond) string {
	if c.Join == nil {
		return ""
	}
	parts := make([]string, len(c.Join))
	for i, x := range c.Join {
		parts[i] = dumpCond(x)
	}
	return ", Join: []op.Cond{" + strings.Join(parts, ", ") + "}"
}

func dumpSort(ks []op.Sort) string {
	parts := make([]string, len(ks))
	for i, k := range ks {
		parts[i] = fmt.Sprintf("{Field: %q", k.Field)
		if len(k.Path) > 0 {
			parts[i] += fmt.Sprintf(", Path: %#v", k.Path)
		}
		if k.Desc {
			parts[i] += ", Desc: true"
		}
		if k.Rank {
			parts[i] += ", Rank: true"
		}
		parts[i] += "}"
	}
	return "[]op.Sort{" + strings.Join(parts, ", ") + "}"
}

func dumpSet(as []op.Assign) string {
	parts := make([]string, len(as))
	for i, a := range as {
		parts[i] = fmt.Sprintf("{Field: %q", a.Field)
		if len(a.Path) > 0 {
			parts[i] += fmt.Sprintf(", Path: %#v", a.Path)
		}
		if a.Inc {
			parts[i] += ", Inc: true"
		}
		parts[i] += ", Value: " + dumpValue(a.Value) + "}"
	}
	return "[]op.Assign{" + strings.Join(parts, ", ") + "}"
}

func dumpRows(rows [][]any) string {
	parts := make([]string, len(rows))
	for i, r := range rows {
		parts[i] = strings.TrimPrefix(dumpList(r), "[]any")
	}
	return "[][]any{" + strings.Join(parts, ", ") + "}"
}

func dumpList(vs []any) string {
	parts := make([]string, len(vs))
	for i, v := range vs {
		parts[i] = dumpValue(v)
	}
	return "[]any{" + strings.Join(parts, ", ") + "}"
}

func dumpValue(v any) string {
	switch v := v.(type) {
	case nil:
		return "nil"
	case op.Unset:
		return "op.Unset{}"
	case op.JSON:
		return fmt.Sprintf("op.JSON(%q)", string(v))
	case decimal.Decimal:
		return fmt.Sprintf("dec(%q)", v.String())
	case time.Time:
		return fmt.Sprintf("at(%q)", v.Format("2006-01-02 15:04:05.999999"))
	case int64:
		return fmt.Sprintf("int64(%d)", v)
	case float64:
		return fmt.Sprintf("float64(%v)", v)
	}
	return fmt.Sprintf("%#v", v)
}
