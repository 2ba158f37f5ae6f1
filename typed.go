package weft

import "github.com/weftdb/weft/op"

// Column is a column whose values are of Go type V, for [Pluck]: a typed column
// that weft generate wrote, or [Col].
type Column[V any] interface {
	Name() string
	column(*V) ref
}

// Col is the column of that name, of whatever model, with values of Go type V.
// In groups it can be the name of an aggregate.
func Col[V any](name string) Column[V] { return field[V]{ref{name: name}} }

// ColumnOf is the typed column of a field (JSON name) of a model. It is what
// generated packages are made of:
//
//	var Title = weft.ColumnOf[weft.Text[string]]("Post", "title")
func ColumnOf[C any, P interface {
	*C
	bind(model, name string)
}](model, name string) C {
	var c C
	P(&c).bind(model, name)
	return c
}

// The kinds of typed columns. weft generate writes one for each field of a
// model, so that a misspelt field, a value of another type or a comparison that
// a field does not have is an error of the compiler:
//
//	posts.Filter(post.IsPublic.Eq(true), post.Likes.Gt(10)).Sort(post.CreatedAt.Desc())
//
// All have Name, Set, IsNull and NotNull. A column knows its model: used in a
// query, a relation or an update of another it is an error at the terminal, and
// so is the zero column. Columns are values and safe for concurrent use.
type (
	// Value is a column that is equal to a value or not and can be sorted by:
	// booleans, enums, bytes.
	Value[V any] struct{ value[V] }

	// Ordered is a column of values in an order, such as times and keys.
	Ordered[V any] struct{ ordered[V] }

	// Number is a column of numbers.
	Number[V any] struct{ number[V] }

	// Text is a column of text.
	Text[V any] struct{ text[V] }

	// List is a column that holds a JSON array of E.
	List[E any] struct{ list[E] }

	// Doc is a column that holds any other JSON.
	Doc[V any] struct{ doc[V] }

	// Sealed is a column that is encrypted: nothing can look into it.
	Sealed[V any] struct{ field[V] }

	// NullValue is a [Value] that may be NULL.
	NullValue[V any] struct{ value[V] }

	// NullOrdered is an [Ordered] that may be NULL.
	NullOrdered[V any] struct{ ordered[V] }

	// NullNumber is a [Number] that may be NULL.
	NullNumber[V any] struct{ number[V] }

	// NullText is a [Text] that may be NULL.
	NullText[V any] struct{ text[V] }

	// NullList is a [List] that may be NULL.
	NullList[E any] struct{ list[E] }

	// NullDoc is a [Doc] that may be NULL.
	NullDoc[V any] struct{ doc[V] }

	// NullSealed is a [Sealed] that may be NULL.
	NullSealed[V any] struct{ field[V] }
)

// SetNull sets the field to NULL, for [Sets].
func (c NullValue[V]) SetNull() Assign { return c.assign(nil) }

// SetNull sets the field to NULL, for [Sets].
func (c NullOrdered[V]) SetNull() Assign { return c.assign(nil) }

// SetNull sets the field to NULL, for [Sets].
func (c NullNumber[V]) SetNull() Assign { return c.assign(nil) }

// SetNull sets the field to NULL, for [Sets].
func (c NullText[V]) SetNull() Assign { return c.assign(nil) }

// SetNull sets the field to NULL, for [Sets].
func (c NullList[E]) SetNull() Assign { return c.assign(nil) }

// SetNull sets the field to NULL, for [Sets].
func (c NullDoc[V]) SetNull() Assign { return c.assign(nil) }

// SetNull sets the field to NULL, for [Sets].
func (c NullSealed[V]) SetNull() Assign { return c.assign(nil) }

// ref is a column without its type. model is empty for a name of any model.
type ref struct{ model, name string }

func (r *ref) bind(model, name string) { r.model, r.name = model, name }

// Name returns the name of the field, for what takes names: Select, GroupBy,
// Sum and others.
func (r ref) Name() string { return r.name }

// IsNull holds where the field is NULL.
func (r ref) IsNull() Cond { return r.compare(op.IsNull, nil) }

// NotNull holds where the field is not NULL.
func (r ref) NotNull() Cond { return r.compare(op.NotNull, nil) }

func (r ref) assign(v any) Assign { return Assign{to: r, v: v} }

func (r ref) compare(o op.Operator, v any) Cond {
	name, path := splitField(r.name)
	return Cond{c: op.Cond{Kind: op.Compare, Field: name, Path: path, Op: o, Value: v}, from: origin{col: r}}
}

func (r ref) list(o op.Operator, list []any) Cond {
	c := r.compare(o, nil)
	c.c.List = list
	return c
}

func (r ref) sort(dir Direction) SortKey { return SortKey{Field: r.name, Dir: dir, model: r.model} }

// field is what every typed column is.
type field[V any] struct{ ref }

func (c field[V]) column(*V) ref { return c.ref }

// What is called through Column only.
var _ = field[any].column

// Set sets the field to v, for [Sets].
func (c field[V]) Set(v V) Assign { return c.assign(v) }

type value[V any] struct{ field[V] }

// Eq holds where the field is v.
func (c value[V]) Eq(v V) Cond { return c.compare(op.Eq, v) }

// Ne holds where the field is not v, also where it is NULL.
func (c value[V]) Ne(v V) Cond { return c.compare(op.Ne, v) }

// In holds where the field is one of the values. Of no values it never holds.
func (c value[V]) In(values ...V) Cond { return c.list(op.In, boxed(values)) }

// NotIn holds where the field is none of the values, also where it is NULL.
func (c value[V]) NotIn(values ...V) Cond { return c.list(op.NotIn, boxed(values)) }

// Asc sorts by the field, NULL first, for [Query.Sort].
func (c value[V]) Asc() SortKey { return c.sort(Asc) }

// Desc sorts by the field downwards, NULL last, for [Query.Sort].
func (c value[V]) Desc() SortKey { return c.sort(Desc) }

type ordered[V any] struct{ value[V] }

// Lt holds where the field is less than v.
func (c ordered[V]) Lt(v V) Cond { return c.compare(op.Lt, v) }

// Le holds where the field is at most v.
func (c ordered[V]) Le(v V) Cond { return c.compare(op.Le, v) }

// Gt holds where the field is greater than v.
func (c ordered[V]) Gt(v V) Cond { return c.compare(op.Gt, v) }

// Ge holds where the field is at least v.
func (c ordered[V]) Ge(v V) Cond { return c.compare(op.Ge, v) }

// Between holds where the field is at least from and at most to.
func (c ordered[V]) Between(from, to V) Cond { return c.list(op.Between, []any{from, to}) }

type number[V any] struct{ ordered[V] }

// Inc adds to the field, for [Sets]. NULL counts as 0.
func (c number[V]) Inc(by V) Assign { return c.assign(increment{by: by}) }

// Dec takes from the field, for [Sets]. NULL counts as 0.
func (c number[V]) Dec(by V) Assign { return c.assign(increment{by: by, down: true}) }

type text[V any] struct{ ordered[V] }

// Like holds where the field contains the part, whatever the case. % and _ mean
// themselves.
func (c text[V]) Like(part string) Cond { return c.compare(op.Like, part) }

// StartsWith holds where the field begins with the prefix, in this case.
func (c text[V]) StartsWith(prefix string) Cond { return c.compare(op.StartsWith, prefix) }

// EndsWith holds where the field ends with the suffix, in this case.
func (c text[V]) EndsWith(suffix string) Cond { return c.compare(op.EndsWith, suffix) }

type list[E any] struct{ field[[]E] }

// Contains holds where the list has the element.
func (c list[E]) Contains(element E) Cond { return c.compare(op.Contains, element) }

type doc[V any] struct{ field[V] }

// At is what lies at a path inside the JSON: "city", "address.city". It can be
// compared with any value, and Set changes this one place.
func (c doc[V]) At(path string) Text[any] {
	return ColumnOf[Text[any]](c.model, c.name+"."+path)
}
