package sqlengine

import (
	"encoding/hex"
	"encoding/json"
	"strings"
	"unicode/utf8"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// cond writes a condition.
func (b *builder) cond(sc *scope, c *op.Cond) {
	switch c.Kind {
	case op.True:
		b.w("TRUE")
	case op.False:
		b.w("FALSE")
	case op.And:
		b.list(sc, c.Conds, " AND ", "TRUE")
	case op.Or:
		b.list(sc, c.Conds, " OR ", "FALSE")
	case op.Not:
		if len(c.Conds) != 1 {
			b.fail(op.Invalid(sc.t.Model.Name, "", "condition", "Not takes one condition, not %d", len(c.Conds)))
			return
		}
		b.w("(")
		b.cond(sc, &c.Conds[0])
		b.w(") IS NOT TRUE")
	case op.Compare:
		b.compare(sc, c)
	case op.Has, op.HasCount:
		b.has(sc, c)
	case op.Match:
		b.search(sc, c)
	default:
		b.fail(op.Errorf(op.CodeInternal, "unknown condition %d", c.Kind))
	}
}

func (b *builder) list(sc *scope, conds []op.Cond, word, none string) {
	if len(conds) == 0 {
		b.w(none)
		return
	}
	b.w("(")
	for i := range conds {
		if i > 0 {
			b.w(word)
		}
		b.cond(sc, &conds[i])
	}
	b.w(")")
}

var signs = [...]string{
	op.Eq: " = ", op.Ne: " <> ", op.Lt: " < ", op.Le: " <= ", op.Gt: " > ", op.Ge: " >= ",
}

func (b *builder) compare(sc *scope, c *op.Cond) {
	if len(c.Path) > 0 || c.Op == op.Contains {
		b.comparePath(sc, c)
		return
	}
	col, prefix, name := b.ref(sc, c.Field)
	switch c.Op {
	case op.Eq, op.IsNull, op.Ne, op.NotNull:
		switch {
		case c.Op == op.IsNull || (c.Op == op.Eq && c.Value == nil):
			b.w(prefix)
			b.w(name)
			b.w(" IS NULL")
		case c.Op == op.NotNull || c.Value == nil:
			b.w(prefix)
			b.w(name)
			b.w(" IS NOT NULL")
		case c.Op == op.Eq:
			b.w(prefix)
			b.w(name)
			b.w(" = ")
			b.bound(col, c.Value, op.Eq)
		default:
			b.differs(col, prefix, name, c.Value)
		}
	case op.Lt, op.Le, op.Gt, op.Ge:
		if c.Value == nil {
			b.w("FALSE")
			return
		}
		b.ordered(col, prefix, name)
		b.w(signs[c.Op])
		b.bound(col, c.Value, c.Op)
	case op.Between:
		if len(c.List) != 2 || c.List[0] == nil || c.List[1] == nil {
			b.w("FALSE")
			return
		}
		b.ordered(col, prefix, name)
		b.w(" BETWEEN ")
		b.bound(col, c.List[0], op.Ge)
		b.w(" AND ")
		b.bound(col, c.List[1], op.Le)
	case op.In, op.NotIn:
		b.in(col, prefix, name, c)
	case op.Like, op.StartsWith, op.EndsWith:
		s, ok := c.Value.(string)
		if !ok {
			b.w("FALSE")
			return
		}
		expr := ""
		if b.text {
			expr = col.textLead + prefix + name + col.text
			if col.text != "" {
				expr = "(" + expr + ")"
			}
		}
		b.pattern(expr, c.Op, s, !col.loose && col.text == "")
	default:
		b.fail(op.Errorf(op.CodeInternal, "unknown operator %d", c.Op))
	}
}

// ordered writes a column that is compared by its order.
func (b *builder) ordered(c *Column, prefix, name string) {
	if c.valid != nil {
		b.plainText(c, prefix, name)
		return
	}
	b.read(c, prefix, name)
}

// differs writes that a column is not equal to a value, where NULL differs
// from all.
func (b *builder) differs(c *Column, prefix, name string, v any) {
	if b.d.Differs != nil {
		if a := b.place(b.compared(c, v, op.Ne)); b.text {
			expr := prefix + name
			if c.valid != nil { // v may be what the column cannot hold
				expr = c.textLead + expr + c.text
			}
			b.w(b.d.Differs(expr, c.lead+a+c.bind))
		}
		return
	}
	b.ordered(c, prefix, name)
	b.w(" IS DISTINCT FROM ")
	b.bound(c, v, op.Ne)
}

// pattern writes a search in a text expression. A prefix becomes a range of
// the column where one serves, for an index can serve that.
func (b *builder) pattern(expr string, o op.Operator, s string, ranged bool) {
	var write func(expr, part string, arg Arg) string
	switch {
	case s == "":
		b.w(expr)
		b.w(" IS NOT NULL")
		return
	case o == op.Like:
		write, s = b.d.Like, op.Fold(s)
	case o == op.StartsWith && ranged:
		b.startsWith(expr, s)
		return
	case o == op.StartsWith:
		write = b.d.Prefix
	default:
		write = b.d.Suffix
	}
	b.w(write(expr, s, b.place))
}

func (b *builder) startsWith(expr, s string) {
	end, ok := prefixEnd(s)
	if ok {
		b.w("(")
	}
	b.w(expr)
	b.w(" >= ")
	b.arg(TextValue(s))
	if ok {
		b.w(" AND ")
		b.w(expr)
		b.w(" < ")
		b.arg(TextValue(end))
		b.w(")")
	}
}

// prefixEnd is the smallest text that sorts behind all that begin with s. There
// is none where s has no rune but the last one of all.
func prefixEnd(s string) (end string, ok bool) {
	for s != "" {
		r, n := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-n]
		switch {
		case r == utf8.MaxRune:
			continue
		case r == 0xd7ff: // behind it are halves of pairs
			r = 0xdfff
		}
		return s + string(r+1), true
	}
	return "", false
}

// in writes a list test. Without nil the list is padded to a power of two by
// repeating its last value.
func (b *builder) in(col *Column, prefix, name string, c *op.Cond) {
	n, null := countList(c.List)
	not := c.Op == op.NotIn
	switch {
	case n == 0 && !null:
		if not {
			b.w("TRUE")
		} else {
			b.w("FALSE")
		}
		return
	case n == 0:
		b.w(prefix)
		b.w(name)
		if not {
			b.w(" IS NOT NULL")
		} else {
			b.w(" IS NULL")
		}
		return
	}
	// Null counts as false, so only "in … or null" and "not in, or null" must
	// speak of it.
	orNull := null != not
	if orNull {
		b.w("(")
	}
	b.among(col, prefix, name, not, c.List, n)
	if orNull {
		b.w(" OR ")
		b.w(prefix)
		b.w(name)
		b.w(" IS NULL)")
	}
}

// among writes that a column is one of the n values of list that are not nil,
// or that it is none of them.
func (b *builder) among(col *Column, prefix, name string, not bool, list []any, n int) {
	if b.packed(n, col) {
		vals := make([]Value, 0, n)
		for _, v := range list {
			if v == nil {
				continue
			}
			a := b.compared(col, v, op.Eq)
			if a.Kind != Null && (a != never || col.Store == StoreBytes) { // what the column cannot hold
				vals = append(vals, a)
			}
		}
		arg, err := b.d.ListArg(col, vals)
		b.fail(err)
		place := b.place(arg)
		if b.text {
			b.w(b.d.ListIn(col, prefix+name, not, place))
		}
		return
	}
	if not && col.valid != nil {
		b.plainText(col, prefix, name)
	} else {
		b.w(prefix)
		b.w(name)
	}
	if not {
		b.w(" NOT IN (")
	} else {
		b.w(" IN (")
	}
	o := op.Eq
	if not {
		o = op.Ne
	}
	var last Value
	i := 0
	for _, v := range list {
		if v == nil {
			continue
		}
		if i > 0 {
			b.w(", ")
		}
		last = b.compared(col, v, o)
		b.w(col.lead)
		b.arg(last)
		b.w(col.bind)
		i++
	}
	for end := bucket(n); i < end; i++ {
		b.w(", ")
		b.w(col.lead)
		b.arg(last)
		b.w(col.bind)
	}
	b.w(")")
	if len(b.args) > b.d.MaxArgs {
		b.fail(op.Invalid("", col.Field.Name, "list", "the list has too many values: %d", n))
	}
}

// packed reports whether a list of n values is passed as one argument.
func (b *builder) packed(n int, col *Column) bool {
	return n > b.d.ListArgs && (b.d.ListAll || (col.Store != StoreFloat && col.Store != StoreAny))
}

// plainText writes a column as text, which can be compared with any.
func (b *builder) plainText(c *Column, prefix, name string) {
	if c.text == "" {
		b.read(c, prefix, name)
		return
	}
	b.w("(" + c.textLead + prefix + name + c.text + ")")
}

// JSONList is a ListArg that writes the values as a JSON array, binary ones in
// hexadecimal.
func JSONList(_ *Column, list []Value) (Value, error) {
	items := make([]any, 0, len(list))
	for _, v := range list {
		switch v.Kind {
		case Blob:
			items = append(items, hex.EncodeToString([]byte(v.s)))
		case Int:
			items = append(items, v.n)
		case Float:
			items = append(items, v.Float())
		case Text:
			items = append(items, v.s)
		}
	}
	text, err := json.Marshal(items)
	return TextValue(string(text)), err
}

// isJSON refuses a path into what is no JSON.
func (b *builder) isJSON(c *Column, path []string) bool {
	if c.Field.Type.Kind() == schema.KindJSON {
		return true
	}
	b.fail(op.Invalid("", c.Field.Name, "path", "is of type %s and has no %s inside: paths lead into array, object and json fields",
		c.Field.Type, strings.Join(path, ".")))
	return false
}

// canRead is isJSON for a place whose value is asked for.
func (b *builder) canRead(c *Column, path []string) bool {
	if !b.isJSON(c, path) {
		return false
	}
	if b.d.JSONPath == nil {
		return true
	}
	err := b.d.JSONPath(path)
	b.fail(err)
	return err == nil
}

func (b *builder) comparePath(sc *scope, c *op.Cond) {
	col, prefix, name := b.ref(sc, c.Field)
	if b.err != nil || !b.canRead(col, c.Path) {
		return
	}
	expr := prefix + name
	switch c.Op {
	case op.Ne:
		b.w("(")
		b.jsonIs(col, expr, c.Path, op.Eq, c.Value)
		b.w(") IS NOT TRUE")
	case op.NotNull:
		b.w("(")
		b.jsonIs(col, expr, c.Path, op.Eq, nil)
		b.w(") IS NOT TRUE")
	case op.IsNull:
		b.jsonIs(col, expr, c.Path, op.Eq, nil)
	case op.In, op.NotIn:
		b.w("(")
		for i, v := range c.List {
			if i > 0 {
				b.w(" OR ")
			}
			b.jsonIs(col, expr, c.Path, op.Eq, v)
		}
		if len(c.List) == 0 {
			b.w("FALSE")
		}
		b.w(")")
		if c.Op == op.NotIn {
			b.w(" IS NOT TRUE")
		}
	case op.Between:
		if len(c.List) != 2 || c.List[0] == nil || c.List[1] == nil {
			b.w("FALSE")
			return
		}
		b.w("(")
		b.jsonIs(col, expr, c.Path, op.Ge, c.List[0])
		b.w(" AND ")
		b.jsonIs(col, expr, c.Path, op.Le, c.List[1])
		b.w(")")
	case op.Contains:
		b.jsonHas(col, expr, c.Path, c.Value)
	default:
		b.jsonIs(col, expr, c.Path, c.Op, c.Value)
	}
}

// jsonIs compares the JSON place with a value of the same type.
func (b *builder) jsonIs(c *Column, expr string, path []string, o op.Operator, v any) {
	switch x := v.(type) {
	case nil:
		switch {
		case o != op.Eq:
			b.w("FALSE")
		case b.text:
			b.w(b.d.JSON.Null(c, expr, path))
		}
		return
	case string:
		switch o {
		case op.Like, op.StartsWith, op.EndsWith:
			val := ""
			if b.text {
				val = b.d.JSON.Text(c, expr, path)
			}
			b.pattern(val, o, x, false)
			return
		}
	case bool:
	default:
		if _, ok := ScalarKey(v); !ok {
			b.fail(op.Invalid("", strings.Join(path, "."), "type", "a value of Go type %T cannot be compared with a place in JSON", v))
			return
		}
	}
	b.w(b.d.JSON.Compare(c, expr, path, signs[o], v, b.place))
}

// jsonHas tests whether the array at the path has an element equal to v.
func (b *builder) jsonHas(c *Column, expr string, path []string, v any) {
	if v == nil {
		b.w("FALSE")
		return
	}
	if _, ok := ScalarKey(v); !ok {
		b.fail(op.Invalid("", strings.Join(path, "."), "type", "contains takes a scalar, not a %T", v))
		return
	}
	b.w(b.d.JSON.Has(c, expr, path, b.alias(), v, b.place))
}
