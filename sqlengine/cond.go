package sqlengine

import (
	"encoding/hex"
	"encoding/json"
	"strconv"
	"strings"

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
	ref := func() { b.w(prefix); b.w(name) }
	switch c.Op {
	case op.Eq, op.IsNull, op.Ne, op.NotNull:
		ref()
		switch {
		case c.Op == op.IsNull || (c.Op == op.Eq && c.Value == nil):
			b.w(" IS NULL")
		case c.Op == op.NotNull || c.Value == nil:
			b.w(" IS NOT NULL")
		case c.Op == op.Eq:
			b.w(" = ")
			b.bound(col, c.Value, op.Eq)
		default:
			b.w(" IS DISTINCT FROM ")
			b.bound(col, c.Value, op.Ne)
		}
	case op.Lt, op.Le, op.Gt, op.Ge:
		if c.Value == nil {
			b.w("FALSE")
			return
		}
		ref()
		b.w(signs[c.Op])
		b.bound(col, c.Value, c.Op)
	case op.Between:
		if len(c.List) != 2 || c.List[0] == nil || c.List[1] == nil {
			b.w("FALSE")
			return
		}
		ref()
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
		b.pattern(prefix+name, c.Op, s, col.loose)
	default:
		b.fail(op.Errorf(op.CodeInternal, "unknown operator %d", c.Op))
	}
}

// pattern writes a search in a text expression. A prefix becomes a range,
// which an index can serve.
func (b *builder) pattern(expr string, o op.Operator, s string, loose bool) {
	switch {
	case s == "":
		b.w(expr)
		b.w(" IS NOT NULL")
	case o == op.Like:
		b.w(b.d.Contains)
		b.w("(")
		b.w(b.d.Fold)
		b.w("(")
		b.w(expr)
		b.w("), ")
		b.arg(TextValue(op.Fold(s)))
		b.w(") > 0")
	case o == op.StartsWith && !loose:
		b.w("(")
		b.w(expr)
		b.w(" >= ")
		b.arg(TextValue(s))
		b.w(" AND ")
		b.w(expr)
		b.w(" < ")
		// No byte of UTF-8 is 0xff, so the last one can grow.
		b.arg(TextValue(s[:len(s)-1] + string([]byte{s[len(s)-1] + 1})))
		b.w(")")
	case o == op.StartsWith:
		b.w("substr(")
		b.w(expr)
		b.w(", 1, " + b.d.Length + "(")
		b.arg(TextValue(s))
		b.w(")) = ")
		b.arg(TextValue(s))
	default:
		b.w("substr(")
		b.w(expr)
		b.w(", -" + b.d.Length + "(")
		b.arg(TextValue(s))
		b.w(")) = ")
		b.arg(TextValue(s))
	}
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
	b.w(prefix)
	b.w(name)
	if not {
		b.w(" NOT IN ")
	} else {
		b.w(" IN ")
	}
	b.values(col, c.List, n)
	if orNull {
		b.w(" OR ")
		b.w(prefix)
		b.w(name)
		b.w(" IS NULL)")
	}
}

// values writes the n values of list that are not nil, in brackets.
func (b *builder) values(col *Column, list []any, n int) {
	if n > b.d.ListArgs && col.store != storeFloat && col.store != storeAny {
		b.w("(")
		if col.store == storeBytes {
			b.w(b.d.ListBlobs)
		} else {
			b.w(b.d.ListRows)
		}
		b.w(")")
		b.args = append(b.args, b.jsonList(col, list))
		return
	}
	b.w("(")
	var last Value
	i := 0
	for _, v := range list {
		if v == nil {
			continue
		}
		if i > 0 {
			b.w(", ")
		}
		a, err := col.bound(v, op.Eq)
		b.fail(err)
		b.arg(a)
		last = a
		i++
	}
	for end := bucket(n); i < end; i++ {
		b.w(", ")
		b.arg(last)
	}
	b.w(")")
	if len(b.args) > b.d.MaxArgs {
		b.fail(op.Invalid("", col.Field.Name, "list", "the list has too many values: %d", n))
	}
}

func (b *builder) jsonList(col *Column, list []any) Value {
	items := make([]any, 0, len(list))
	for _, v := range list {
		if v == nil {
			continue
		}
		a, err := col.bound(v, op.Eq)
		b.fail(err)
		switch {
		case a.Kind == Blob && col.store == storeBytes:
			items = append(items, hex.EncodeToString([]byte(a.Bytes())))
		case a.Kind == Int:
			items = append(items, a.Int())
		case a.Kind == Text:
			items = append(items, a.Bytes())
		}
	}
	text, err := json.Marshal(items)
	b.fail(err)
	return TextValue(string(text))
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

func (b *builder) comparePath(sc *scope, c *op.Cond) {
	col, prefix, name := b.ref(sc, c.Field)
	if b.err != nil || !b.isJSON(col, c.Path) {
		return
	}
	expr := prefix + name
	switch c.Op {
	case op.Ne:
		b.w("(")
		b.jsonIs(expr, c.Path, op.Eq, c.Value)
		b.w(") IS NOT TRUE")
	case op.NotNull:
		b.w("(")
		b.jsonIs(expr, c.Path, op.Eq, nil)
		b.w(") IS NOT TRUE")
	case op.IsNull:
		b.jsonIs(expr, c.Path, op.Eq, nil)
	case op.In, op.NotIn:
		b.w("(")
		for i, v := range c.List {
			if i > 0 {
				b.w(" OR ")
			}
			b.jsonIs(expr, c.Path, op.Eq, v)
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
		b.jsonIs(expr, c.Path, op.Ge, c.List[0])
		b.w(" AND ")
		b.jsonIs(expr, c.Path, op.Le, c.List[1])
		b.w(")")
	case op.Contains:
		b.jsonHas(expr, c.Path, c.Value)
	default:
		b.jsonIs(expr, c.Path, c.Op, c.Value)
	}
}

// jsonIs compares the JSON place with a value of the same type.
func (b *builder) jsonIs(expr string, path []string, o op.Operator, v any) {
	var typ, val, key string
	if b.text {
		typ, val, key = b.d.JSONType(expr, path), b.d.JSONValue(expr, path), b.d.JSONKey(expr, path)
	}
	switch x := v.(type) {
	case nil:
		if o != op.Eq {
			b.w("FALSE")
			return
		}
		b.w("coalesce(" + typ + ", 'null') = 'null'")
	case string:
		b.w("(" + typ + " = 'text' AND ")
		switch o {
		case op.Like, op.StartsWith, op.EndsWith:
			b.pattern(val, o, x, true)
		default:
			b.w(val + signs[o])
			b.arg(TextValue(x))
		}
		b.w(")")
	case bool:
		b.w("(" + typ + " IN ('true', 'false') AND " + val + signs[o])
		n := int64(0)
		if x {
			n = 1
		}
		b.arg(IntValue(n))
		b.w(")")
	default:
		k, ok := scalarKey(v)
		if !ok {
			b.fail(op.Invalid("", strings.Join(path, "."), "type", "a value of Go type %T cannot be compared with a place in JSON", v))
			return
		}
		b.w("(" + typ + " IN ('integer', 'real') AND " + key + signs[o])
		b.arg(BlobValue(string(k)))
		b.w(")")
	}
}

// jsonHas tests whether the array at the path has an element equal to v.
func (b *builder) jsonHas(expr string, path []string, v any) {
	if v == nil {
		b.w("FALSE")
		return
	}
	ways := b.d.JSONHas(expr, path, b.alias())
	b.w("(")
	for i, e := range ways {
		if i > 0 {
			b.w(" OR ")
		}
		b.w("(" + e.Guard + " AND EXISTS (SELECT 1 FROM " + e.From + " WHERE ")
		switch x := v.(type) {
		case string:
			b.w(e.Type + " = 'text' AND " + e.Value + " = ")
			b.arg(TextValue(x))
		case bool:
			b.w(e.Type + " = ")
			b.arg(TextValue(strconv.FormatBool(x)))
		default:
			k, ok := scalarKey(v)
			if !ok {
				b.fail(op.Invalid("", strings.Join(path, "."), "type", "contains takes a scalar, not a %T", v))
			}
			b.w(e.Type + " IN ('integer', 'real') AND " + e.Key + " = ")
			b.arg(BlobValue(string(k)))
		}
		b.w("))")
	}
	b.w(")")
}
