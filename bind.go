package weft

import (
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"reflect"
	"time"
	"unsafe"

	"github.com/shopspring/decimal"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// binding ties a model to its Go struct: where each field lies in memory and
// how its value becomes a canonical one and back. It is built once, when the
// database opens, and never changed.
type binding struct {
	core  *core
	model *schema.Model
	typ   reflect.Type

	fields []fieldBind // by position in model.Fields
	refs   []*fieldBind
	rels   map[*schema.Relation]*relBind
	counts []fieldBind // by position in model.Counts; bindHidden has no Go field

	hasTracked bool
	trackedOff uintptr
	cell       reflect.Type
	cellState  uintptr
	cellWas    uintptr
	snap       reflect.Type
	snapWas    uintptr
}

// bindKind is how a field's memory is read and written. Kinds but bindOther
// are read without reflection.
type bindKind uint8

const (
	bindOther  bindKind = iota // by reflection: Scanner, Valuer and what is left
	bindHidden                 // no Go field: the hidden version
	bindString
	bindInt
	bindInt8
	bindInt16
	bindInt32
	bindInt64
	bindUint
	bindUint8
	bindUint16
	bindUint32
	bindUint64
	bindFloat32
	bindFloat64
	bindBool
	bindTime
	bindDecimal
	bindBytes
	bindJSON
	bindNum     // Num, of results only
	bindPointer // to one of the above; nil is NULL
)

type fieldBind struct {
	f    *schema.Field
	off  uintptr
	typ  reflect.Type
	kind bindKind
	elem *fieldBind // of a pointer
	ref  int        // position in binding.refs: the value needs a copy of its own to be remembered; else -1
}

type relBind struct {
	off  uintptr
	typ  reflect.Type // of the field: []*T or *T
	elem reflect.Type // T
}

var (
	typeTime    = reflect.TypeFor[time.Time]()
	typeDecimal = reflect.TypeFor[decimal.Decimal]()
	typeNum     = reflect.TypeFor[Num]()
	typeTracked = reflect.TypeFor[Tracked]()
	typeScanner = reflect.TypeFor[sql.Scanner]()
	typeValuer  = reflect.TypeFor[driver.Valuer]()
)

func newBinding(k *core, m *schema.Model) (*binding, error) {
	b := &binding{core: k, model: m, typ: m.GoType, rels: map[*schema.Relation]*relBind{}}
	if n := len(m.Relations) + len(m.Counts); n > 64 {
		return nil, op.Errorf(op.CodeValidation, "model %s has %d relations and counts; 64 is the most", m.Name, n)
	}
	b.fields = make([]fieldBind, len(m.Fields))
	for i, f := range m.Fields {
		fb := &b.fields[i]
		fb.f, fb.ref = f, -1
		if f.GoIndex == nil {
			if f.Role != schema.RoleVersion {
				return nil, op.Errorf(op.CodeValidation, "field %s of model %s has no Go field", f.Name, m.Name)
			}
			fb.kind = bindHidden
			continue
		}
		off, typ := locate(b.typ, f.GoIndex)
		fb.off = off
		fb.bind(typ)
		if fb.kind == bindNum || (fb.kind == bindPointer && fb.elem.kind == bindNum) {
			return nil, op.Errorf(op.CodeValidation, "field %s of model %s is a weft.Num, which is for results; store an int64, a float64 or a decimal.Decimal", f.Name, m.Name)
		}
		switch fb.kind {
		case bindOther, bindBytes, bindJSON, bindPointer:
			fb.ref = len(b.refs)
			b.refs = append(b.refs, fb)
		}
	}
	for _, r := range m.Relations {
		if r.GoIndex == nil {
			continue
		}
		off, typ := locate(b.typ, r.GoIndex)
		rb := &relBind{off: off, typ: typ, elem: typ.Elem()}
		if typ.Kind() == reflect.Slice {
			rb.elem = rb.elem.Elem()
		}
		b.rels[r] = rb
	}
	b.bindCounts()
	if off, ok := findTracked(b.typ); ok {
		b.hasTracked, b.trackedOff = true, off
		b.cell, b.snap = cellTypes(b.typ)
		b.cellState, b.cellWas = b.cell.Field(1).Offset, b.cell.Field(2).Offset
		b.snapWas = b.snap.Field(1).Offset
	}
	return b, nil
}

// locate follows an index path through structs held by value.
func locate(t reflect.Type, path []int) (uintptr, reflect.Type) {
	var off uintptr
	for _, i := range path {
		f := t.Field(i)
		off += f.Offset
		t = f.Type
	}
	return off, t
}

// findTracked finds the embedded Tracked, the outermost where there are several:
// it is the one whose methods the struct has.
func findTracked(t reflect.Type) (uintptr, bool) {
	off, depth := uintptr(0), -1
	var walk func(t reflect.Type, at uintptr, level int)
	walk = func(t reflect.Type, at uintptr, level int) {
		for f := range fieldsOf(t) {
			switch {
			case !f.Anonymous:
			case f.Type == typeTracked:
				if depth < 0 || level < depth {
					off, depth = at+f.Offset, level
				}
			case f.Type.Kind() == reflect.Struct:
				walk(f.Type, at+f.Offset, level+1)
			}
		}
	}
	walk(t, 0, 0)
	return off, depth >= 0
}

func fieldsOf(t reflect.Type) func(func(reflect.StructField) bool) {
	return func(yield func(reflect.StructField) bool) {
		for i := range t.NumField() {
			if !yield(t.Field(i)) {
				return
			}
		}
	}
}

func (fb *fieldBind) bind(t reflect.Type) {
	fb.typ = t
	switch {
	case t == typeTime:
		fb.kind = bindTime
		return
	case t == typeDecimal:
		fb.kind = bindDecimal
		return
	case t == typeNum:
		fb.kind = bindNum
		return
	case t.Kind() == reflect.Pointer: // before its methods: a nil one is NULL
		fb.kind = bindPointer
		fb.elem = &fieldBind{f: fb.f, ref: -1}
		fb.elem.bind(t.Elem())
		return
	case convertsItself(t):
		fb.kind = bindOther
		return
	case t.Kind() == reflect.Struct && t.ConvertibleTo(typeTime): // a named time
		fb.kind = bindTime
		return
	}
	if fb.f.Type.Kind() == schema.KindJSON {
		fb.kind = bindJSON
		return
	}
	switch t.Kind() {
	case reflect.String:
		fb.kind = bindString
	case reflect.Int:
		fb.kind = bindInt
	case reflect.Int8:
		fb.kind = bindInt8
	case reflect.Int16:
		fb.kind = bindInt16
	case reflect.Int32:
		fb.kind = bindInt32
	case reflect.Int64:
		fb.kind = bindInt64
	case reflect.Uint:
		fb.kind = bindUint
	case reflect.Uint8:
		fb.kind = bindUint8
	case reflect.Uint16:
		fb.kind = bindUint16
	case reflect.Uint32:
		fb.kind = bindUint32
	case reflect.Uint64:
		fb.kind = bindUint64
	case reflect.Float32:
		fb.kind = bindFloat32
	case reflect.Float64:
		fb.kind = bindFloat64
	case reflect.Bool:
		fb.kind = bindBool
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			fb.kind = bindBytes
		} else {
			fb.kind = bindJSON
		}
	case reflect.Struct, reflect.Map, reflect.Array, reflect.Interface:
		fb.kind = bindJSON
	default:
		fb.kind = bindOther
	}
}

// convertsItself reports whether values of the type are read or written by
// methods of their own.
func convertsItself(t reflect.Type) bool {
	p := reflect.PointerTo(t) // has the methods of t too
	return t.Kind() != reflect.Interface && (p.Implements(typeScanner) || p.Implements(typeValuer))
}

// at is the address of the field in the row at p.
func (fb *fieldBind) at(p unsafe.Pointer) unsafe.Pointer { return unsafe.Add(p, fb.off) }

// get returns the canonical value of the field in the row at p, nil for NULL
// and for a hidden version, which has no place in the row.
func (fb *fieldBind) get(p unsafe.Pointer) (any, error) {
	a := fb.at(p)
	switch fb.kind {
	case bindString:
		return *(*string)(a), nil
	case bindInt:
		return int64(*(*int)(a)), nil
	case bindInt8:
		return int64(*(*int8)(a)), nil
	case bindInt16:
		return int64(*(*int16)(a)), nil
	case bindInt32:
		return int64(*(*int32)(a)), nil
	case bindInt64:
		return *(*int64)(a), nil
	case bindUint:
		return op.CanonField(fb.f, *(*uint)(a))
	case bindUint8:
		return int64(*(*uint8)(a)), nil
	case bindUint16:
		return int64(*(*uint16)(a)), nil
	case bindUint32:
		return int64(*(*uint32)(a)), nil
	case bindUint64:
		return op.CanonField(fb.f, *(*uint64)(a))
	case bindFloat32:
		return float64(*(*float32)(a)), nil
	case bindFloat64:
		return *(*float64)(a), nil
	case bindBool:
		return *(*bool)(a), nil
	case bindTime:
		t := *(*time.Time)(a)
		if fb.f.Type == schema.Date {
			return op.CanonField(fb.f, t)
		}
		return t.UTC().Truncate(time.Microsecond), nil
	case bindDecimal:
		return *(*decimal.Decimal)(a), nil
	case bindBytes:
		v := *(*[]byte)(a)
		if v == nil && fb.f.Nullable {
			return nil, nil
		}
		return append([]byte{}, v...), nil
	case bindJSON:
		return fb.getJSON(a)
	case bindPointer:
		q := *(*unsafe.Pointer)(a)
		if q == nil {
			return nil, nil
		}
		return fb.elem.get(q)
	case bindHidden:
		return nil, nil
	}
	return fb.getOther(a)
}

// caught turns a panic in a method of the application's type into an error.
func (fb *fieldBind) caught(verb string, err *error) {
	if r := recover(); r != nil {
		*err = op.Errorf(op.CodeInternal, "field %s: to %s a %s panicked: %v", fb.f.Name, verb, fb.typ, r)
	}
}

func (fb *fieldBind) getJSON(a unsafe.Pointer) (out any, err error) {
	defer fb.caught("write", &err)
	v := reflect.NewAt(fb.typ, a).Elem()
	switch fb.typ.Kind() {
	case reflect.Slice, reflect.Map, reflect.Interface:
		if v.IsNil() {
			switch {
			case fb.f.Nullable:
				return nil, nil
			case fb.typ.Kind() == reflect.Slice && fb.f.Type == schema.Array:
				return op.JSON("[]"), nil
			case fb.typ.Kind() == reflect.Map:
				return op.JSON("{}"), nil
			}
		}
	}
	data, err := json.Marshal(v.Interface())
	if err != nil {
		return nil, op.Invalid("", fb.f.Name, "type", "cannot be written as JSON: %v", err)
	}
	return op.CanonJSON(string(data))
}

func (fb *fieldBind) getOther(a unsafe.Pointer) (out any, err error) {
	defer fb.caught("write", &err)
	v := reflect.NewAt(fb.typ, a)
	val, ok := v.Elem().Interface().(driver.Valuer)
	if !ok {
		if val, ok = v.Interface().(driver.Valuer); !ok {
			return op.CanonField(fb.f, v.Elem().Interface())
		}
	}
	x, err := val.Value()
	if err != nil {
		return nil, op.Invalid("", fb.f.Name, "type", "%v", err)
	}
	if x == nil {
		return nil, nil
	}
	return op.CanonField(fb.f, x)
}

// set writes a canonical value into the row at p. NULL becomes the zero value
// in a field that cannot hold it.
func (fb *fieldBind) set(p unsafe.Pointer, v any) error {
	a := fb.at(p)
	switch fb.kind {
	case bindOther:
		return fb.setOther(a, v)
	case bindNum:
		n, err := readNum(v)
		*(*Num)(a) = n
		return err
	}
	if v == nil {
		reflect.NewAt(fb.typ, a).Elem().SetZero()
		return nil
	}
	if fb.kind == bindPointer {
		n := reflect.New(fb.typ.Elem()).UnsafePointer()
		if err := fb.elem.set(n, v); err != nil {
			return err
		}
		*(*unsafe.Pointer)(a) = n
		return nil
	}
	switch x := v.(type) {
	case string:
		if fb.kind == bindString {
			*(*string)(a) = x
			return nil
		}
	case int64:
		return fb.setInt(a, x)
	case float64:
		switch fb.kind {
		case bindFloat64:
			*(*float64)(a) = x
			return nil
		case bindFloat32:
			*(*float32)(a) = float32(x)
			return nil
		}
	case bool:
		if fb.kind == bindBool {
			*(*bool)(a) = x
			return nil
		}
	case time.Time:
		if fb.kind == bindTime {
			*(*time.Time)(a) = x
			return nil
		}
	case decimal.Decimal:
		switch fb.kind {
		case bindDecimal:
			*(*decimal.Decimal)(a) = x
			return nil
		case bindFloat64:
			*(*float64)(a) = x.InexactFloat64()
			return nil
		case bindString:
			*(*string)(a) = x.String()
			return nil
		}
	case []byte:
		if fb.kind == bindBytes { // a copy: it may be a default, or what is remembered
			*(*[]byte)(a) = append([]byte{}, x...)
			return nil
		}
	case op.JSON:
		if fb.kind == bindJSON {
			return fb.setJSON(a, string(x))
		}
	}
	if fb.kind == bindJSON {
		if s, ok := v.(string); ok {
			return fb.setJSON(a, s)
		}
	}
	return fb.misfit(v)
}

func (fb *fieldBind) misfit(v any) error {
	return op.Errorf(op.CodeDatabase, "field %s: the database holds a %T, the Go field is a %s", fb.f.Name, v, fb.typ)
}

func (fb *fieldBind) overflow(x int64) error {
	if fb.f.Encrypted {
		return op.Errorf(op.CodeDatabase, "field %s: the value does not fit a %s", fb.f.Name, fb.typ)
	}
	return op.Errorf(op.CodeDatabase, "field %s: %d does not fit a %s", fb.f.Name, x, fb.typ)
}

func (fb *fieldBind) setInt(a unsafe.Pointer, x int64) error {
	switch fb.kind {
	case bindInt64:
		*(*int64)(a) = x
		return nil
	case bindFloat64:
		*(*float64)(a) = float64(x)
		return nil
	case bindBool:
		*(*bool)(a) = x != 0
		return nil
	}
	v := reflect.NewAt(fb.typ, a).Elem()
	switch {
	case v.CanInt():
		if v.OverflowInt(x) {
			return fb.overflow(x)
		}
		v.SetInt(x)
		return nil
	case v.CanUint():
		if x < 0 || v.OverflowUint(uint64(x)) {
			return fb.overflow(x)
		}
		v.SetUint(uint64(x))
		return nil
	}
	return fb.misfit(x)
}

func (fb *fieldBind) setJSON(a unsafe.Pointer, text string) (err error) {
	defer fb.caught("read", &err)
	v := reflect.NewAt(fb.typ, a)
	v.Elem().SetZero() // or it would be decoded into the map, slice or pointer that is there
	if err := json.Unmarshal([]byte(text), v.Interface()); err != nil {
		if fb.f.Encrypted { // the error may show a piece of the text
			return op.Errorf(op.CodeDatabase, "field %s: the stored JSON does not fit a %s", fb.f.Name, fb.typ)
		}
		return op.Errorf(op.CodeDatabase, "field %s: the stored JSON does not fit a %s: %w", fb.f.Name, fb.typ, err)
	}
	return nil
}

func (fb *fieldBind) setOther(a unsafe.Pointer, v any) (err error) {
	defer fb.caught("read", &err)
	p := reflect.NewAt(fb.typ, a)
	sc, ok := p.Interface().(sql.Scanner)
	if !ok {
		return op.Errorf(op.CodeUnsupported, "field %s: a %s can be written but not read: it has no Scan method", fb.f.Name, fb.typ)
	}
	switch x := v.(type) {
	case op.JSON:
		v = string(x)
	case decimal.Decimal:
		v = x.String()
	}
	if err := sc.Scan(v); err != nil {
		if fb.f.Encrypted { // the error may show the value
			return op.Errorf(op.CodeDatabase, "field %s: the stored value does not fit a %s", fb.f.Name, fb.typ)
		}
		return op.Errorf(op.CodeDatabase, "field %s: %w", fb.f.Name, err)
	}
	return nil
}

// isZero reports whether the field in the row at p was left alone by the
// application.
func (fb *fieldBind) isZero(p unsafe.Pointer) bool {
	a := fb.at(p)
	switch fb.kind {
	case bindString:
		return *(*string)(a) == ""
	case bindInt64:
		return *(*int64)(a) == 0
	case bindBool:
		return !*(*bool)(a)
	case bindTime:
		return (*time.Time)(a).IsZero()
	case bindPointer:
		return *(*unsafe.Pointer)(a) == nil
	}
	return reflect.NewAt(fb.typ, a).Elem().IsZero()
}

// differs reports whether the field in the row at p has another value than st
// remembers.
func (fb *fieldBind) differs(p unsafe.Pointer, st *state) (bool, error) {
	if fb.ref >= 0 {
		v, err := fb.get(p)
		if err != nil {
			return false, err
		}
		was := st.refs[fb.ref]
		if (v == nil) != (was == nil) {
			return true, nil
		}
		if v == nil || op.CompareValues(v, was) == 0 {
			return false, nil
		}
		return fb.reread(v, was), nil
	}
	a, w := fb.at(p), fb.at(st.was)
	switch fb.kind {
	case bindString:
		return *(*string)(a) != *(*string)(w), nil
	case bindInt64:
		return *(*int64)(a) != *(*int64)(w), nil
	case bindBool:
		return *(*bool)(a) != *(*bool)(w), nil
	case bindTime:
		return !(*time.Time)(a).Truncate(time.Microsecond).Equal(*(*time.Time)(w)), nil
	case bindDecimal:
		return !(*decimal.Decimal)(a).Equal(*(*decimal.Decimal)(w)), nil
	}
	return !reflect.NewAt(fb.typ, a).Elem().Equal(reflect.NewAt(fb.typ, w).Elem()), nil
}

// reread reports whether v still differs from what was stored when that is read
// into a field of this type and written again: stored JSON may say more than
// the Go type holds, or say it in other words.
func (fb *fieldBind) reread(v, was any) bool {
	j, ok := was.(op.JSON)
	if !ok {
		return true
	}
	tmp := fieldBind{f: fb.f, typ: fb.typ, kind: fb.kind, elem: fb.elem, ref: -1}
	p := reflect.New(fb.typ).UnsafePointer()
	if tmp.set(p, j) != nil {
		return true
	}
	again, err := tmp.get(p)
	return err != nil || again == nil || op.CompareValues(v, again) != 0
}

// row makes the operation's row from the instance at p. A field that was left
// at its zero value counts as not given where a default or generated value
// waits for it, unless the instance came from New.
func (b *binding) row(p unsafe.Pointer) ([]any, error) {
	row := make([]any, len(b.fields))
	st := b.stateOf(p)
	fresh := st != nil && !st.loaded
	for i := range b.fields {
		fb := &b.fields[i]
		if fb.kind == bindHidden {
			row[i] = op.Unset{}
			continue
		}
		if fb.given(p, fresh) || (fb.f.Primary && len(b.model.Primary) > 1 && !fb.f.Auto) { // 0 is a good part of a key
			v, err := fb.get(p)
			if err != nil {
				return nil, named(b.model, err)
			}
			row[i] = v
			continue
		}
		row[i] = op.Unset{}
	}
	return row, nil
}

func (fb *fieldBind) given(p unsafe.Pointer, fresh bool) bool {
	f := fb.f
	generated := f.Primary || f.Auto || f.NanoID || f.Role != schema.RoleNone
	if !generated && (f.Default == nil || fresh) {
		return true
	}
	return !fb.isZero(p)
}

// named puts the model's name into a validation error of one of its fields.
func named(m *schema.Model, err error) error {
	if v, ok := err.(*op.ValidationError); ok && v.Model == "" {
		v.Model = m.Name
	}
	return err
}

// value is the canonical value of a field, also of the hidden version.
func (b *binding) value(f *schema.Field, p unsafe.Pointer) (any, error) {
	fb := &b.fields[f.Pos]
	if fb.kind != bindHidden {
		return fb.get(p)
	}
	if st := b.stateOf(p); st != nil {
		return st.version, nil
	}
	return nil, nil
}

// key returns the canonical key values of the instance at p.
func (b *binding) key(p unsafe.Pointer) ([]any, error) {
	key := make([]any, len(b.model.Primary))
	for i, f := range b.model.Primary {
		v, err := b.fields[f.Pos].get(p)
		if err != nil {
			return nil, named(b.model, err)
		}
		key[i] = v
	}
	return key, nil
}

// fill writes the values of row into the instance at p wherever they differ
// from sent, and remembers the result as loaded.
func (b *binding) fill(p unsafe.Pointer, row, sent []any) error {
	st := b.stateOf(p)
	var next *state
	if b.hasTracked {
		next = b.newState()
		if st != nil {
			next.rels = st.rels
		}
	}
	for i := range b.fields {
		fb := &b.fields[i]
		if fb.kind == bindHidden {
			if n, ok := row[i].(int64); ok && next != nil {
				next.version = n
			}
			continue
		}
		if sent != nil && sameValue(row[i], sent[i]) && fb.kind != bindTime {
			continue
		}
		if err := fb.set(p, row[i]); err != nil {
			return fmt.Errorf("read %s: %w", b.model.Name, err)
		}
	}
	if next == nil {
		return nil
	}
	if b.model.VersionF != nil {
		if v, ok := row[b.model.VersionF.Pos].(int64); ok {
			next.version = v
		}
	}
	return b.remember(p, next)
}

func sameValue(a, b any) bool {
	if _, ok := b.(op.Unset); ok {
		return false
	}
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return op.CompareValues(a, b) == 0
}

// instances lets hooks see the Go values behind an operation.
type instances struct {
	b  *binding
	ps []unsafe.Pointer
}

func (in *instances) Len() int { return len(in.ps) }

func (in *instances) Instance(i int) any { return reflect.NewAt(in.b.typ, in.ps[i]).Interface() }

func (in *instances) Load(i int, row []any) error {
	for j := range in.b.fields {
		fb := &in.b.fields[j]
		if fb.kind == bindHidden {
			continue
		}
		if _, unset := row[j].(op.Unset); unset {
			continue
		}
		if err := fb.set(in.ps[i], row[j]); err != nil {
			return err
		}
	}
	return nil
}

func (in *instances) Store(i int, row []any) error {
	for j := range in.b.fields {
		fb := &in.b.fields[j]
		if fb.kind == bindHidden {
			continue
		}
		if _, unset := row[j].(op.Unset); unset && fb.isZero(in.ps[i]) {
			continue
		}
		v, err := fb.get(in.ps[i])
		if err != nil {
			return named(in.b.model, err)
		}
		row[j] = v
	}
	return nil
}
