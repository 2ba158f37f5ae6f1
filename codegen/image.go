package codegen

import (
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"go/types"
	"reflect"
	"regexp"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/shopspring/decimal"

	"github.com/weftdb/weft/op"
)

// The rules by which a struct becomes a model are those of the schema package
// and stand nowhere else. To apply them to a struct that is only read and not
// compiled, an image of it is made: a reflect.Type with the same names, tags and
// places, whose field types are the real ones where the rules know them, and
// stand-ins with the same kind and the same methods where they do not.

// The stand-ins.
type (
	imageStruct struct{}
	imageValuer string
	imageList   []int
	imageArray  [1]int
	imageMap    map[string]int
	imageObject struct{}
)

// Value makes an imageValuer a type that converts itself.
func (imageValuer) Value() (driver.Value, error) { return nil, nil }

// MarshalJSON makes these types that write themselves as JSON.
func (imageList) MarshalJSON() ([]byte, error)   { return nil, nil }
func (imageArray) MarshalJSON() ([]byte, error)  { return nil, nil }
func (imageMap) MarshalJSON() ([]byte, error)    { return nil, nil }
func (imageObject) MarshalJSON() ([]byte, error) { return nil, nil }

// known are the types that the rules know by name.
var known = map[string]reflect.Type{
	"time.Time":                reflect.TypeFor[time.Time](),
	"encoding/json.RawMessage": reflect.TypeFor[json.RawMessage](),
	"database/sql.NullString":  reflect.TypeFor[sql.NullString](),
	"database/sql.NullInt64":   reflect.TypeFor[sql.NullInt64](),
	"database/sql.NullInt32":   reflect.TypeFor[sql.NullInt32](),
	"database/sql.NullInt16":   reflect.TypeFor[sql.NullInt16](),
	"database/sql.NullByte":    reflect.TypeFor[sql.NullByte](),
	"database/sql.NullFloat64": reflect.TypeFor[sql.NullFloat64](),
	"database/sql.NullBool":    reflect.TypeFor[sql.NullBool](),
	"database/sql.NullTime":    reflect.TypeFor[sql.NullTime](),

	"github.com/shopspring/decimal.Decimal":     reflect.TypeFor[decimal.Decimal](),
	"github.com/shopspring/decimal.NullDecimal": reflect.TypeFor[decimal.NullDecimal](),
	"github.com/weftdb/weft/op.JSON":            reflect.TypeFor[op.JSON](),
	"github.com/google/uuid.UUID":               reflect.TypeFor[uuid.UUID](),
	"github.com/google/uuid.NullUUID":           reflect.TypeFor[uuid.NullUUID](),
}

// qualified is the name of a named type with its import path; "" for others.
func qualified(t types.Type) string {
	n, ok := types.Unalias(t).(*types.Named)
	if !ok || n.Obj().Pkg() == nil {
		return ""
	}
	return n.Obj().Pkg().Path() + "." + n.Obj().Name()
}

const nullOf = "database/sql.Null"

// image makes the image of the type of a stored field or relation.
func image(t types.Type) reflect.Type {
	t = types.Unalias(t)
	if p, ok := t.(*types.Pointer); ok {
		return reflect.PointerTo(image(p.Elem()))
	}
	name := qualified(t)
	if r := known[name]; r != nil {
		return r
	}
	if name == nullOf { // reads as what it holds, or NULL
		r := image(t.(*types.Named).TypeArgs().At(0))
		if r.Kind() == reflect.Pointer {
			return r
		}
		return reflect.PointerTo(r)
	}
	if isTime(t) {
		return known["time.Time"]
	}
	if convertsItself(t) {
		return reflect.TypeFor[imageValuer]()
	}
	writes := marshalsItself(t)
	pick := func(plain, own reflect.Type) reflect.Type {
		if writes {
			return own
		}
		return plain
	}
	switch u := t.Underlying().(type) {
	case *types.Basic:
		return basicImage(u)
	case *types.Interface:
		return reflect.TypeFor[any]()
	case *types.Slice:
		if isByte(u.Elem()) {
			return reflect.TypeFor[[]byte]()
		}
		return pick(reflect.SliceOf(elemImage(u.Elem())), reflect.TypeFor[imageList]())
	case *types.Array:
		return pick(reflect.ArrayOf(1, elemImage(u.Elem())), reflect.TypeFor[imageArray]())
	case *types.Map:
		return pick(reflect.TypeFor[map[string]int](), reflect.TypeFor[imageMap]())
	case *types.Struct:
		if name == "" {
			return pick(reflect.TypeFor[struct{}](), reflect.TypeFor[imageObject]())
		}
		return pick(reflect.TypeFor[imageStruct](), reflect.TypeFor[imageObject]())
	}
	return reflect.TypeFor[chan int]() // cannot be stored
}

// elemImage is the image of an element, as far as it matters: a pointer to a
// named struct makes a relation.
func elemImage(t types.Type) reflect.Type {
	switch u := types.Unalias(t).Underlying().(type) {
	case *types.Pointer:
		return reflect.PointerTo(elemImage(u.Elem()))
	case *types.Struct:
		if qualified(t) == "" {
			return reflect.TypeFor[struct{}]()
		}
		return reflect.TypeFor[imageStruct]()
	case *types.Basic:
		return basicImage(u)
	}
	return reflect.TypeFor[any]()
}

func basicImage(b *types.Basic) reflect.Type {
	switch b.Kind() {
	case types.Bool:
		return reflect.TypeFor[bool]()
	case types.String:
		return reflect.TypeFor[string]()
	case types.Int:
		return reflect.TypeFor[int]()
	case types.Int8:
		return reflect.TypeFor[int8]()
	case types.Int16:
		return reflect.TypeFor[int16]()
	case types.Int32:
		return reflect.TypeFor[int32]()
	case types.Int64:
		return reflect.TypeFor[int64]()
	case types.Uint:
		return reflect.TypeFor[uint]()
	case types.Uint8:
		return reflect.TypeFor[uint8]()
	case types.Uint16:
		return reflect.TypeFor[uint16]()
	case types.Uint32:
		return reflect.TypeFor[uint32]()
	case types.Uint64:
		return reflect.TypeFor[uint64]()
	case types.Float32:
		return reflect.TypeFor[float32]()
	case types.Float64:
		return reflect.TypeFor[float64]()
	}
	return reflect.TypeFor[chan int]()
}

func isByte(t types.Type) bool {
	b, ok := t.Underlying().(*types.Basic)
	return ok && b.Kind() == types.Uint8
}

// isTime reports whether values of the type can be made a time.Time.
func isTime(t types.Type) bool {
	if qualified(t) == "time.Time" {
		return true
	}
	s, ok := t.Underlying().(*types.Struct)
	if !ok || s.NumFields() != 3 { // wall, ext, loc, all of package time
		return false
	}
	for i := range s.NumFields() {
		if p := s.Field(i).Pkg(); p == nil || p.Path() != "time" || s.Field(i).Exported() {
			return false
		}
	}
	return s.Field(0).Name() == "wall" && s.Field(1).Name() == "ext" && s.Field(2).Name() == "loc"
}

// method is the signature of a method that t or a pointer to it has; nil
// without it.
func method(t types.Type, name string, params, results int) *types.Signature {
	if _, isInterface := t.Underlying().(*types.Interface); isInterface {
		return nil
	}
	obj, _, _ := types.LookupFieldOrMethod(t, true, nil, name)
	f, ok := obj.(*types.Func)
	if !ok {
		return nil
	}
	s := f.Signature()
	if s.Variadic() || s.Params().Len() != params || s.Results().Len() != results || !isError(s.Results().At(results-1).Type()) {
		return nil
	}
	return s
}

func isError(t types.Type) bool { return types.Identical(t, types.Universe.Lookup("error").Type()) }

// convertsItself reports whether the type or a pointer to it is a driver.Valuer
// or a sql.Scanner.
func convertsItself(t types.Type) bool {
	if isValue(method(t, "Value", 0, 2)) {
		return true
	}
	s := method(t, "Scan", 1, 1)
	return s != nil && types.Identical(s.Params().At(0).Type(), types.NewInterfaceType(nil, nil))
}

func isValue(s *types.Signature) bool {
	return s != nil && qualified(s.Results().At(0).Type()) == "database/sql/driver.Value"
}

// isValuer reports whether the type itself is a driver.Valuer.
func isValuer(t types.Type) bool {
	sel := types.NewMethodSet(t).Lookup(nil, "Value")
	if sel == nil {
		return false
	}
	s, ok := sel.Type().(*types.Signature)
	return ok && s.Params().Len() == 0 && s.Results().Len() == 2 && isValue(s)
}

// marshalsItself reports whether the type writes its own JSON or text.
func marshalsItself(t types.Type) bool {
	for _, name := range []string{"MarshalJSON", "MarshalText"} {
		s := method(t, name, 0, 2)
		if s != nil && types.Identical(s.Results().At(0).Type(), types.NewSlice(types.Typ[types.Uint8])) {
			return true
		}
	}
	return false
}

// embedTag finds the tag embed.
var embedTag = regexp.MustCompile(`(^|,)\s*embed\s*(,|$)`)

// structImage makes the image of a struct, field by field.
func structImage(s *types.Struct) reflect.Type {
	fields := make([]reflect.StructField, s.NumFields())
	for i := range fields {
		v := s.Field(i)
		tag := reflect.StructTag(s.Tag(i))
		f := reflect.StructField{Name: v.Name(), Tag: tag}
		inner, isStruct := v.Type().Underlying().(*types.Struct)
		isStruct = isStruct && !stored(v.Type())
		switch weftTag := tag.Get("weft"); {
		case weftTag == "-":
			f.Type = reflect.TypeFor[int]()
		case isStruct && (v.Embedded() || embedTag.MatchString(weftTag)):
			f.Type, f.Anonymous = structImage(inner), v.Embedded()
		case v.Embedded() && isPointerToStruct(v.Type()):
			f.Type, f.Anonymous = reflect.TypeFor[*imageStruct](), true
		default:
			f.Type = image(v.Type())
		}
		switch {
		case f.Anonymous && !v.Exported(): // reflection embeds exported names only
			f.Name = "Embedded" + strconv.Itoa(i)
		case !v.Exported():
			f.PkgPath = "codegen"
		}
		fields[i] = f
	}
	return reflect.StructOf(fields)
}

// stored reports whether a struct is stored as one value even where it is
// embedded.
func stored(t types.Type) bool {
	return known[qualified(t)] != nil || qualified(t) == nullOf || isTime(t) || convertsItself(t)
}

func isPointerToStruct(t types.Type) bool {
	p, ok := types.Unalias(t).(*types.Pointer)
	if !ok {
		return false
	}
	_, ok = p.Elem().Underlying().(*types.Struct)
	return ok && !stored(p.Elem())
}
