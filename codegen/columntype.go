package codegen

import (
	"fmt"
	"go/types"
	"reflect"
)

func tagOf(s *types.Struct, i int, key string) string { return reflect.StructTag(s.Tag(i)).Get(key) }

// columnsOf are the columns and relations of a model that was found in Go.
func columnsOf(m *goModel, w typeWriter) *columnSet {
	c := &columnSet{model: m.name}
	used := names{}
	for _, f := range m.model.Fields {
		if f.GoIndex == nil {
			continue // the hidden version
		}
		col := column{goName: used.take(f.GoName), name: f.Name}
		t, of := valueType(typeAt(m.typ, f.GoIndex))
		col.kind = kindOf(f, of)
		if isList(col.kind) {
			t = elemOf(t)
		}
		col.typ, _ = w.expr(t)
		c.columns = append(c.columns, col)
	}
	for _, r := range m.model.Relations {
		c.relations = append(c.relations, loadable{used.take(r.GoName), r.Name})
	}
	for _, x := range m.model.Counts {
		c.counts = append(c.counts, loadable{used.take(x.GoName), x.Name})
	}
	return c
}

func isList(kind string) bool { return kind == "List" || kind == "NullList" }

func elemOf(t types.Type) types.Type {
	switch u := t.Underlying().(type) {
	case *types.Slice:
		return u.Elem()
	case *types.Array:
		return u.Elem()
	}
	return types.Universe.Lookup("any").Type()
}

// valueType is the type of a field's values that are not NULL, and what it is
// made of.
func valueType(t types.Type) (types.Type, basis) {
	t = types.Unalias(t)
	if p, ok := t.(*types.Pointer); ok {
		return valueType(p.Elem())
	}
	name := qualified(t)
	switch {
	case name == nullOf:
		return valueType(t.(*types.Named).TypeArgs().At(0))
	case nulls[name]:
		if s, ok := t.Underlying().(*types.Struct); ok {
			return valueType(s.Field(0).Type()) // the value comes first in all of them
		}
	}
	switch {
	case name == "github.com/shopspring/decimal.Decimal":
		return t, onNumbers
	case isTime(t):
		if !convertsItself(t) { // a condition takes no time of another name
			t = t.Underlying().(*types.Struct).Field(0).Pkg().Scope().Lookup("Time").Type()
		}
		return t, onItself
	case name == "github.com/weftdb/weft/op.JSON":
		return t, onItself
	case convertsItself(t):
		if isValuer(types.NewPointer(t)) && !isValuer(t) {
			t = types.NewPointer(t) // only a pointer can be asked for its value
		}
		return t, onItself
	}
	switch u := t.Underlying().(type) {
	case *types.Basic:
		switch {
		case u.Info()&types.IsString != 0:
			return t, onText
		case u.Info()&types.IsNumeric != 0:
			return t, onNumbers
		case u.Info()&types.IsBoolean != 0:
			return t, onBools
		}
	case *types.Slice:
		if isByte(u.Elem()) {
			return t, onBytes
		}
		if !marshalsItself(t) {
			return t, onList
		}
	case *types.Array:
		if !marshalsItself(t) {
			return t, onList
		}
	}
	return t, onItself
}

// nulls are the types that hold a value or NULL.
var nulls = map[string]bool{
	"database/sql.NullString": true, "database/sql.NullInt64": true, "database/sql.NullInt32": true, "database/sql.NullInt16": true,
	"database/sql.NullByte": true, "database/sql.NullFloat64": true, "database/sql.NullBool": true, "database/sql.NullTime": true,
	"github.com/shopspring/decimal.NullDecimal": true, "github.com/google/uuid.NullUUID": true,
}

// typeWriter writes types as a generated package names them.
type typeWriter struct {
	root       string // the package of the models
	importable bool   // that a generated package can import it
}

// expr writes a type. Where the generated package cannot name it, it is what
// the type is made of (a string for a string type of package main), or any; then
// exact is false.
func (w typeWriter) expr(t types.Type) (e goExpr, exact bool) {
	switch t := types.Unalias(t).(type) {
	case *types.Basic:
		return goExpr(t.Name()), true
	case *types.Named:
		return w.named(t)
	case *types.Pointer:
		return w.part("*", t.Elem())
	case *types.Slice:
		return w.part("[]", t.Elem())
	case *types.Array:
		return w.part(fmt.Sprintf("[%d]", t.Len()), t.Elem())
	case *types.Map:
		key, exactKey := w.expr(t.Key())
		elem, exactElem := w.expr(t.Elem())
		if exactKey && exactElem {
			return "map[" + key + "]" + elem, true
		}
	case *types.Interface:
		return "any", t.Empty()
	}
	return "any", false
}

// part writes a type made of another: any where that cannot be named, because
// a value of the one is no value of the other then.
func (w typeWriter) part(prefix string, elem types.Type) (goExpr, bool) {
	if e, exact := w.expr(elem); exact {
		return goExpr(prefix) + e, true
	}
	return "any", false
}

func (w typeWriter) named(t *types.Named) (goExpr, bool) {
	obj := t.Obj()
	if obj.Pkg() == nil {
		return goExpr(obj.Name()), true // error
	}
	p := obj.Pkg().Path()
	if obj.Exported() && obj.Pkg().Name() != "main" && obj.Parent() == obj.Pkg().Scope() && (p != w.root || w.importable) {
		e := from(p, obj.Pkg().Name()) + "." + goExpr(obj.Name())
		sep := goExpr("[")
		for a := range t.TypeArgs().Types() {
			arg, exact := w.expr(a)
			if !exact {
				return "any", false
			}
			e += sep + arg
			sep = ", "
		}
		if sep != "[" {
			e += "]"
		}
		return e, true
	}
	if convertsItself(t) || marshalsItself(t) {
		return "any", false // which it would not do under another name
	}
	switch u := t.Underlying().(type) {
	case *types.Basic:
		return goExpr(u.Name()), false
	case *types.Slice:
		if isByte(u.Elem()) {
			return "[]byte", false
		}
	}
	return "any", false
}
