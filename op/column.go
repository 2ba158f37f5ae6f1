package op

import (
	"slices"
	"strings"
	"time"

	"github.com/weftdb/weft/schema"
)

// Column is what a name in GroupBy, Agg.Field, Fields or Sort stands for: a
// field of the model, or one of the row that belongs_to relations lead to, or a
// part of a time in either. Written, it is "country", "customer.country",
// "customer.supportRep.city", "invoiceDate.year".
type Column struct {
	Path  string        // the relations on the way, joined by dots; "" for the model's own fields
	Field *schema.Field // of the model that Path leads to
	Part  Part
}

// Plain reports whether the column is a field of the model itself.
func (c Column) Plain() bool { return c.Path == "" && c.Part == WholeTime }

// Name is the column as it is written.
func (c Column) Name() string {
	s := c.Field.Name
	if c.Path != "" {
		s = c.Path + "." + s
	}
	if c.Part != WholeTime {
		s += "." + string(c.Part)
	}
	return s
}

// As is a field like the values of the column, under its name.
func (c Column) As() *schema.Field {
	if c.Plain() {
		return c.Field
	}
	f := &schema.Field{
		Name: c.Name(), Type: c.Field.Type, Size: c.Field.Size, Precision: c.Field.Precision, Scale: c.Field.Scale,
		Enum: c.Field.Enum, DBType: c.Field.DBType, Unsigned: c.Field.Unsigned, Nullable: true,
	}
	switch c.Part {
	case WholeTime:
	case DateOf:
		f.Type = schema.Date
	default:
		f.Type = schema.BigInteger
	}
	return f
}

// Part is a part of a time, in UTC.
type Part string

// The parts of times. All but the date are whole numbers; a weekday counts from
// 1, which is Monday, to 7. A date without a time of day has no hour.
const (
	WholeTime Part = ""
	YearOf    Part = "year"
	MonthOf   Part = "month"
	DayOf     Part = "day"
	HourOf    Part = "hour"
	WeekdayOf Part = "weekday"
	DateOf    Part = "date"
)

var parts = []Part{YearOf, MonthOf, DayOf, HourOf, WeekdayOf, DateOf}

// Of is the part of a canonical value: nil of nil.
func (p Part) Of(v any) any {
	t, ok := v.(time.Time)
	if !ok {
		return v
	}
	switch p {
	case YearOf:
		return int64(t.Year())
	case MonthOf:
		return int64(t.Month())
	case DayOf:
		return int64(t.Day())
	case HourOf:
		return int64(t.Hour())
	case WeekdayOf:
		return int64((t.Weekday()+6)%7 + 1)
	case DateOf:
		return t.Truncate(24 * time.Hour)
	}
	return v
}

// Join looks at the row that belongs_to relations lead to from each row. Where
// there is none for which Filter holds, all its columns are NULL.
type Join struct {
	Path   string // the relations, joined by dots: "customer.supportRep"
	Filter Cond
}

// Steps are the relations of a path from a model, nil where it is none.
func Steps(m *schema.Model, path string) []*schema.Relation {
	var out []*schema.Relation
	for name := range strings.SplitSeq(path, ".") {
		r := m.Relation(name)
		if r == nil || r.Target == nil {
			return nil
		}
		out = append(out, r)
		m = r.Target
	}
	return out
}

// ColumnOf reads the name of a column of a model. The error says what would be
// right.
func ColumnOf(m *schema.Model, name string) (Column, error) {
	if f := m.Field(name); f != nil {
		return Column{Field: f}, nil
	}
	sc := scope{m: m}
	segments := strings.Split(name, ".")
	var path []string
	for len(segments) > 0 {
		r := sc.m.Relation(segments[0])
		if r == nil {
			break
		}
		if err := toOne(sc.m, r); err != nil {
			return Column{}, err
		}
		path, segments = append(path, r.Name), segments[1:]
		sc.m = r.Target
	}
	if len(segments) == 0 {
		return Column{}, Invalid(m.Name, name, "field", "is a relation; name a field of %s behind it, like %s.%s", sc.m.Name, name, sc.m.Primary[0].Name)
	}
	f := sc.m.Field(segments[0])
	switch {
	case f == nil && len(segments) > 1:
		var names []string
		for _, r := range sc.m.Relations {
			if r.Kind == schema.BelongsTo {
				names = append(names, r.Name)
			}
		}
		for _, f := range sc.m.Fields {
			if f.Type.Kind() == schema.KindTime {
				names = append(names, f.Name)
			}
		}
		return Column{}, Invalid(sc.m.Name, segments[0], "field", "leads to no column: it is no belongs_to relation and no time%s", choices(segments[0], names))
	case f == nil:
		return Column{}, sc.unknown(segments[0])
	}
	c := Column{Path: strings.Join(path, "."), Field: f}
	if len(segments) == 1 {
		return c, nil
	}
	part, kind := Part(strings.Join(segments[1:], ".")), f.Type.Kind()
	switch {
	case kind == schema.KindJSON:
		return Column{}, Invalid(m.Name, name, "path", "leads into the JSON field %s; places in JSON can be compared and sorted by, and are no columns", f.Name)
	case kind != schema.KindTime || !slices.Contains(parts, part) || f.Type == schema.Date && part == HourOf:
		if kind == schema.KindTime {
			return Column{}, Invalid(m.Name, name, "part", "is no part of a %s; there are year, month, day, hour (not of a date), weekday, date", f.Type)
		}
		return Column{}, Invalid(m.Name, name, "part", "is not there: %s is %s, and only times have parts (%s.year)", f.Name, f.Type, f.Name)
	}
	c.Part = part
	return c, nil
}

// toOne refuses relations that may lead to more than one row.
func toOne(m *schema.Model, r *schema.Relation) error {
	if r.Kind != schema.BelongsTo || r.Target == nil {
		return Invalid(m.Name, r.Name, "relation", "is a %s relation and may lead to several rows; columns are reached over belongs_to relations", r.Kind)
	}
	for _, key := range Uniques(r.Target) {
		if len(key) == len(r.To) && !slices.ContainsFunc(key, func(f *schema.Field) bool { return !slices.Contains(r.To, f) }) {
			return nil
		}
	}
	return Invalid(m.Name, r.Name, "relation", "points at fields of %s that are not unique, so it may lead to several rows", r.Target.Name)
}

// columns makes names of columns canonical; check refuses what cannot be asked
// of a column.
func (sc *scope) columns(list *[]string, check func(Column) error) error {
	copied := false
	for i, name := range *list {
		c, err := ColumnOf(sc.m, name)
		if err == nil {
			err = check(c)
		}
		if err != nil {
			return err
		}
		if c.Plain() && c.Field.Name == name {
			continue
		}
		canon := c.Name()
		if canon == name {
			continue
		}
		if !copied {
			*list, copied = slices.Clone(*list), true
		}
		(*list)[i] = canon
	}
	return nil
}

// unsealed refuses encrypted fields.
func (c Column) unsealed(m *schema.Model, why string) error {
	if c.Field.Encrypted {
		return sealed(m, c.Field, why)
	}
	return nil
}

// joins makes Joins those that the columns of the operation need; filters that
// are there stay.
func (sc *scope) joins(o *Op) error {
	var paths []string
	need := func(name string) {
		if !strings.Contains(name, ".") {
			return
		}
		c, err := ColumnOf(sc.m, name)
		if err != nil {
			return // a name of the result
		}
		for at := range len(c.Path) + 1 {
			if at == len(c.Path) && at > 0 || at < len(c.Path) && c.Path[at] == '.' {
				if p := c.Path[:at]; !slices.Contains(paths, p) {
					paths = append(paths, p)
				}
			}
		}
	}
	for _, name := range o.GroupBy {
		need(name)
	}
	for i := range o.Aggs {
		need(o.Aggs[i].Field)
	}
	if o.Kind == Find {
		for _, name := range o.Fields {
			need(name)
		}
		for i := range o.Sort {
			need(o.Sort[i].Field)
		}
	}
	if len(paths) == 0 && len(o.Joins) == 0 {
		return nil
	}
	if err := sc.joinable(o); err != nil {
		return err
	}
	copied := false
	if !slices.EqualFunc(o.Joins, paths, func(j Join, p string) bool { return j.Path == p }) {
		list := make([]Join, len(paths))
		for i, p := range paths {
			list[i].Path = p
		}
		for _, j := range o.Joins {
			i := slices.Index(paths, j.Path)
			if i < 0 {
				return Errorf(CodeValidation, "a join over %q of %s is there, and no column needs it", j.Path, sc.m.Name)
			}
			list[i].Filter = j.Filter
		}
		o.Joins, copied = list, true
	}
	for i := range o.Joins {
		j := o.Joins[i]
		steps := Steps(sc.m, j.Path)
		to := scope{m: steps[len(steps)-1].Target}
		changed, err := to.normalize(&j.Filter)
		if err != nil {
			return err
		}
		if !changed {
			continue
		}
		if !copied {
			o.Joins, copied = slices.Clone(o.Joins), true
		}
		o.Joins[i] = j
	}
	return nil
}

// joinable refuses what does not go with columns over relations.
func (sc *scope) joinable(o *Op) error {
	what := ""
	switch {
	case o.Kind != Find && o.Kind != Aggregate:
		what = "operations of kind " + o.Kind.String()
	case o.Via != nil:
		what = "a find via a relation"
	case len(o.With) > 0 && slices.ContainsFunc(o.Fields, func(n string) bool { return sc.m.Field(n) == nil }):
		what = "a find that loads relations"
	case len(o.After) > 0 || len(o.Before) > 0:
		what = "a cursor"
	case o.Lock != NoLock:
		what = "a lock"
	}
	if what == "" {
		return nil
	}
	return Errorf(CodeValidation, "columns of %s over relations do not go with %s", sc.m.Name, what)
}
