package main

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/sqlengine/sqlite"
)

// usage is how a statement uses the columns of one table.
type usage struct {
	table   *tableInfo
	equal   []string // compared by =, IN, IS
	between []string // compared by <, >, BETWEEN
	order   []string // sorted or grouped by
}

// clauses are the keywords after which columns stand for something else.
var clauses = []string{"SELECT", "FROM", "JOIN", "WHERE", "ON", "SET", "GROUP", "ORDER", "PARTITION", "HAVING", "LIMIT", "OFFSET", "RETURNING", "VALUES", "INTO", "UPDATE", "USING"}

// usages reads a statement for the columns that it looks for and sorts by. It
// need not be right: what it finds is tried.
func usages(text string, tables []*tableInfo) []*usage {
	toks := tokens(text)
	names := map[string]*tableInfo{} // tables by name and alias, folded
	find := func(name string) *tableInfo {
		for _, t := range tables {
			if strings.EqualFold(t.name, name) {
				return t
			}
		}
		return nil
	}
	for i, tok := range toks {
		if !tok.named() || i == 0 || !toks[i-1].is("FROM", "JOIN", "UPDATE", "INTO", ",", ".") {
			continue
		}
		t := find(tok.text)
		if t == nil {
			continue
		}
		names[strings.ToLower(tok.text)] = t
		next := i + 1
		if next < len(toks) && toks[next].is("AS") {
			next++
		}
		if next < len(toks) && toks[next].named() && !toks[next].is(clauses...) {
			names[strings.ToLower(toks[next].text)] = t
		}
	}
	var out []*usage
	use := func(t *tableInfo) *usage {
		for _, u := range out {
			if u.table == t {
				return u
			}
		}
		out = append(out, &usage{table: t})
		return out[len(out)-1]
	}
	for _, t := range names {
		use(t)
	}
	slices.SortFunc(out, func(a, b *usage) int { return strings.Compare(a.table.name, b.table.name) })

	clause, outer := "", []string{}
	for i, tok := range toks {
		switch {
		case tok.is("("):
			outer = append(outer, clause)
		case tok.is(")") && len(outer) > 0:
			clause, outer = outer[len(outer)-1], outer[:len(outer)-1]
		case tok.kind == tokenWord && tok.is(clauses...):
			clause = strings.ToUpper(tok.text)
		}
		if !tok.named() || (i+1 < len(toks) && toks[i+1].is(".", "(")) {
			continue
		}
		t, first := columnOf(toks, i, names)
		if t == nil {
			continue
		}
		add := func(list *[]string) {
			if !containsFold(*list, tok.text) {
				*list = append(*list, tok.text)
			}
		}
		switch clause {
		case "WHERE", "ON":
			switch role(toks, first, i) {
			case "=":
				add(&use(t).equal)
			case "<":
				add(&use(t).between)
			}
		case "ORDER", "GROUP", "PARTITION":
			add(&use(t).order)
		}
	}
	return out
}

// columnOf finds the table of the column at a token, and the token that its
// name begins at.
func columnOf(toks []sqlToken, i int, names map[string]*tableInfo) (t *tableInfo, first int) {
	has := func(t *tableInfo) bool { return containsFold(t.columns, toks[i].text) }
	if i >= 2 && toks[i-1].is(".") && toks[i-2].named() {
		if t := names[strings.ToLower(toks[i-2].text)]; t != nil && has(t) {
			return t, i - 2
		}
		return nil, 0
	}
	for _, x := range names {
		switch {
		case !has(x) || x == t:
		case t != nil:
			return nil, 0 // ambiguous
		default:
			t = x
		}
	}
	return t, i
}

// role says how the column between two tokens is compared: "=", "<" or not in a
// way that an index serves.
func role(toks []sqlToken, first, last int) string {
	next, before := sqlToken{}, sqlToken{}
	if last+1 < len(toks) {
		next = toks[last+1]
	}
	if first > 0 {
		before = toks[first-1]
	}
	switch {
	case next.is("IS") && last+2 < len(toks) && toks[last+2].is("NOT", "DISTINCT"):
		return ""
	case next.is("=", "==", "IN", "IS"), before.is("=", "=="):
		return "="
	case next.is("<", "<=", ">", ">=", "BETWEEN"), before.is("<", "<=", ">", ">="):
		return "<"
	}
	return ""
}

// candidates are the indexes that may serve, those that narrow most first.
func (u *usage) candidates() [][]string {
	const most = 4
	var out [][]string
	add := func(cols ...string) {
		cols = cols[:min(len(cols), most)]
		if len(cols) == 0 || u.table.serves(cols) && len(cols) == 1 {
			return
		}
		if !slices.ContainsFunc(out, func(x []string) bool { return slices.EqualFunc(x, cols, strings.EqualFold) }) {
			out = append(out, cols)
		}
	}
	with := func(more []string) []string {
		all := slices.Clone(u.equal)
		for _, c := range more {
			if !containsFold(all, c) {
				all = append(all, c)
			}
		}
		return all
	}
	if len(u.between) > 0 {
		add(with(u.between[:1])...)
	}
	add(u.equal...)
	if len(u.order) > 0 {
		add(with(u.order[:1])...)
	}
	add(with(u.order)...)
	for _, c := range u.between {
		add(c)
	}
	for _, c := range u.equal {
		add(c)
	}
	add(u.order...)
	return out
}

// trial is an empty database with the same tables, in which indexes are tried.
type trial struct {
	ctx context.Context
	e   *sqlite.Engine
}

// newTrial makes it from the statements of the catalogue. What cannot be made,
// such as a table of an unknown module, is left out.
func newTrial(ctx context.Context, catalogue []string) *trial {
	t := &trial{ctx: ctx, e: sqlite.Open(":memory:")}
	for _, s := range catalogue {
		_ = t.exec(s)
	}
	return t
}

func (t *trial) exec(text string) error {
	_, err := t.e.Do(t.ctx, op.Op{Kind: op.SQL, SQL: text})
	return err
}

func (t *trial) close() error { return t.e.Close() }

// explain is the plan of a statement.
func explain(ctx context.Context, e op.Engine, text string) (*op.Plan, error) {
	res, err := e.Do(ctx, op.Op{Kind: op.SQL, SQL: text, Explain: true})
	return res.Plan, err
}

// What is left to do for a statement, the less the better.
const (
	costOrdered = 1 // sorting rows that are in order but for the last terms
	costSort    = 2 // sorting all
	costScan    = 4 // reading all of the table
)

// cost adds up what a plan leaves to do.
func cost(p *op.Plan, text string, t *tableInfo) int {
	c := 0
	if scans(p, text, t) {
		c += costScan
	}
	for _, n := range p.Notes {
		if strings.Contains(n, "LAST") || strings.Contains(n, "RIGHT PART") {
			c |= costOrdered
		} else {
			c |= costSort
		}
	}
	return c
}

// scans reports whether a plan reads all of a table, by its name or an alias.
func scans(p *op.Plan, text string, t *tableInfo) bool {
	return slices.ContainsFunc(p.Scan, func(name string) bool {
		return strings.EqualFold(name, t.name) || slices.Contains(aliasesOf(text, t), strings.ToLower(name))
	})
}

// aliasesOf are the names that a statement gives a table, folded.
func aliasesOf(text string, t *tableInfo) (out []string) {
	toks := tokens(text)
	for i, tok := range toks {
		if !tok.named() || !strings.EqualFold(tok.text, t.name) {
			continue
		}
		next := i + 1
		if next < len(toks) && toks[next].is("AS") {
			next++
		}
		if next < len(toks) && toks[next].named() && !toks[next].is(clauses...) {
			out = append(out, strings.ToLower(toks[next].text))
		}
	}
	return out
}

// advise finds the index that serves a statement best for one table: the first
// of the best ones. Where no single one does, several together may.
func (t *trial) advise(text string, u *usage) (list [][]string, err error) {
	before, err := explain(t.ctx, t.e, text)
	if err != nil {
		return nil, err
	}
	best := cost(before, text, u.table)
	for _, cols := range u.candidates() {
		c, _, err := t.with(text, u, cols)
		if err != nil {
			return nil, err
		}
		if c < best {
			best, list = c, [][]string{cols}
		}
	}
	if list != nil || best < costScan {
		return list, nil
	}
	var single [][]string // for conditions joined by OR
	for _, c := range append(slices.Clone(u.equal), u.between...) {
		if !u.table.serves([]string{c}) {
			single = append(single, []string{c})
		}
	}
	c, used, err := t.with(text, u, single...)
	if err != nil || c >= best {
		return nil, err
	}
	return used, nil
}

// with tries indexes: the cost with them, and which of them are used.
func (t *trial) with(text string, u *usage, indexes ...[]string) (c int, used [][]string, err error) {
	names := make([]string, len(indexes))
	for i, cols := range indexes {
		names[i] = "weft_trial_" + string(rune('a'+i%26)) + strings.Repeat("x", i/26)
		quoted := make([]string, len(cols))
		for j, col := range cols {
			quoted[j] = quoteName(col)
		}
		if err := t.exec("CREATE INDEX " + names[i] + " ON " + quoteName(u.table.name) + " (" + strings.Join(quoted, ", ") + ")"); err != nil {
			names = names[:i]
			break
		}
	}
	plan, err := explain(t.ctx, t.e, text)
	for i, name := range names {
		if plan != nil && slices.Contains(plan.Index, name) {
			used = append(used, indexes[i])
		}
		err = errors.Join(err, t.exec("DROP INDEX "+name))
	}
	if err != nil {
		return 0, nil, err
	}
	return cost(plan, text, u.table), used, nil
}
