package validate

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// pass is one operation's way through the plan of its model.
type pass struct {
	l     *layer
	p     *plan
	user  string
	now   time.Time
	time  any // now, boxed once
	many  bool
	marks bool // an update may set the mark of deleted rows
	bad   []failure
	doing
}

// failure is a broken rule of one row.
type failure struct {
	row int // -1 where it is not known
	op.Failure
}

// doing says which of the application's functions is running, for the error
// when it panics.
type doing struct {
	what  string
	field *schema.Field
}

func (l *layer) newPass(p *plan, user string, rows int) pass {
	now := l.now()
	return pass{l: l, p: p, user: user, now: now, time: now, many: rows > 1}
}

// refused stands in a row for a value that was refused already.
type refused struct{}

// fail notes a broken rule.
func (s *pass) fail(row int, f *schema.Field, rule, param, msg string) {
	s.bad = append(s.bad, failure{row, op.Failure{Field: f.Name, Rule: rule, Param: param, Message: msg}})
}

// failErr notes the error of op.CanonField.
func (s *pass) failErr(row int, f *schema.Field, err error) {
	var v *op.ValidationError
	if !errors.As(err, &v) || len(v.Failures) == 0 {
		s.fail(row, f, "type", "", err.Error())
		return
	}
	for _, x := range v.Failures {
		s.fail(row, f, x.Rule, x.Param, x.Message)
	}
}

// err is what was noted, in the order of the rows; nil for nothing. The index of
// the error is that of the first row that failed; failures of further rows have
// it before their field's name.
func (s *pass) err() error {
	if len(s.bad) == 0 {
		return nil
	}
	slices.SortStableFunc(s.bad, func(a, b failure) int { return a.row - b.row })
	e := &op.ValidationError{Model: s.p.m.Name, Index: -1}
	if s.many {
		e.Index = s.bad[0].row
	}
	for _, f := range s.bad {
		if s.many && f.row >= 0 && f.row != e.Index {
			f.Field = "[" + strconv.Itoa(f.row) + "]." + f.Field
		}
		e.Add(f.Failure)
	}
	return e
}

// caught turns a panic of an application's function into an error.
func (s *pass) caught(err *error) {
	if s.field == nil {
		return // not in a function of the application: a defect here must be seen
	}
	r := recover()
	if r == nil {
		return
	}
	e := op.Errorf(op.CodeInternal, "the %s of %s.%s panicked: %v", s.what, s.p.m.Name, s.field.Name, r)
	if cause, ok := r.(error); ok {
		e.Err = cause
	}
	*err = e
}

func (s *pass) enter(what string, f *schema.Field) { s.doing = doing{what, f} }
func (s *pass) leave()                             { s.doing = doing{} }

// fill brings given values into canonical form and fills defaults and
// generated values.
func (s *pass) fill(rows [][]any) (err error) {
	defer s.caught(&err)
	for n, row := range rows {
		if len(row) != len(s.p.fields) {
			e := op.Errorf(op.CodeInternal, "a row of %s has %d values, the model has %d fields", s.p.m.Name, len(row), len(s.p.fields))
			e.Index = n
			return e
		}
		for i := range s.p.fields {
			fp := &s.p.fields[i]
			v := row[i]
			_, unset := v.(op.Unset)
			if !unset && v != nil {
				c, err := op.CanonField(fp.in, v)
				if err != nil {
					s.failErr(n, fp.f, err)
					row[i] = refused{}
					continue
				}
				v = c
			}
			if fp.left {
				v, unset = s.leftToDatabase(n, fp, v, unset)
			}
			if unset && fp.hasDef {
				if v, err = s.defaultOf(n, fp); err != nil {
					return err
				}
			}
			if fp.gen != genNone {
				if v, err = s.generate(n, fp, v); err != nil {
					return err
				}
			}
			row[i] = v
		}
	}
	return nil
}

// leftToDatabase looks at a value for a field that the database fills: a key
// may be given, a read-only value may not; a zero is one that was not given.
func (s *pass) leftToDatabase(n int, fp *fieldPlan, v any, unset bool) (any, bool) {
	if unset || v == nil || same(v, fp.zero) {
		return op.Unset{}, true
	}
	if fp.f.ReadOnly && fp.gen == genNone {
		s.fail(n, fp.f, "readonly", "", "is read-only")
		return refused{}, false
	}
	return v, false
}

func (s *pass) defaultOf(n int, fp *fieldPlan) (any, error) {
	switch {
	case fp.def.Now:
		if fp.f.Type == schema.DateTime || fp.f.Type == schema.Timestamp {
			return s.time, nil
		}
		v, err := op.CanonField(fp.f, nowFor(fp, s.now))
		if err != nil {
			return nil, op.Errorf(op.CodeInternal, "the default of %s.%s: %w", s.p.m.Name, fp.f.Name, err)
		}
		return v, nil
	case fp.defFunc != nil:
		s.enter("default function", fp.f)
		v := fp.defFunc()
		s.leave()
		if v == nil {
			return nil, nil
		}
		c, err := op.CanonField(fp.f, v)
		if err != nil {
			s.failErr(n, fp.f, err)
			return refused{}, nil
		}
		return c, nil
	}
	return fp.def.Value, nil
}

// nowFor is the current time as the field's type has it.
func nowFor(fp *fieldPlan, now time.Time) any {
	switch fp.f.Type {
	case schema.Date:
		return time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, time.UTC)
	case schema.Time:
		return strings.TrimSuffix(strings.TrimRight(now.Format("15:04:05.000000"), "0"), ".")
	}
	return now
}

// generate makes a value for a field that Weft itself fills, where it is empty.
func (s *pass) generate(n int, fp *fieldPlan, v any) (any, error) {
	switch v := v.(type) {
	case op.Unset:
	case nil:
		// An explicit NULL stays where it may.
		if fp.f.Nullable && fp.gen != genOwner && fp.gen != genVersion {
			return nil, nil
		}
	case string:
		if fp.gen == genOwner && s.user != "" && v != "" && v != s.user {
			e := op.Errorf(op.CodeForbidden, "%s of %s is another user: this handle writes rows of its own user only", fp.f.Name, s.p.m.Name)
			if s.many {
				e.Index = n
			}
			return nil, e
		}
		if v != "" {
			return v, nil
		}
	case int64:
		if v != 0 || fp.gen != genVersion {
			return v, nil
		}
	case time.Time:
		if !v.IsZero() {
			return v, nil
		}
	default:
		return v, nil
	}
	switch fp.gen {
	case genUUID:
		return s.l.newID()
	case genNano:
		return s.l.newNano(fp.f)
	case genNow:
		return s.generatedNow(fp)
	case genVersion:
		return int64(1), nil
	case genOwner:
		if s.user != "" {
			return op.CanonField(fp.f, s.user)
		}
	}
	return v, nil
}

// generatedNow is the time of a created or updated field, which may be an
// integer or text in tables found elsewhere.
func (s *pass) generatedNow(fp *fieldPlan) (any, error) {
	switch fp.kind {
	case schema.KindTime:
		if fp.f.Type == schema.Date {
			return nowFor(fp, s.now), nil
		}
		return s.time, nil
	case schema.KindInt:
		return s.now.Unix(), nil
	}
	return op.CanonField(fp.f, s.now.Format("2006-01-02 15:04:05.999999"))
}

// owned refuses rows that a hook gave to another user.
func (s *pass) owned(rows [][]any) error {
	if s.p.owner == nil || s.user == "" {
		return nil
	}
	for i, row := range rows {
		if v := row[s.p.owner.Pos]; !same(v, s.user) {
			e := op.Errorf(op.CodeForbidden, "%s of %s is %v: this handle writes rows of %s only", s.p.owner.Name, s.p.m.Name, v, s.user)
			if s.many {
				e.Index = i
			}
			return e
		}
	}
	return nil
}

// finish runs transforms and rules, and gives values to what is still unset.
func (s *pass) finish(rows [][]any) (err error) {
	defer s.caught(&err)
	for n, row := range rows {
		for i := range s.p.fields {
			row[i] = s.settle(n, &s.p.fields[i], row[i])
		}
	}
	return nil
}

// settle is finish for one value; it is also what an update does with a value
// that it sets.
func (s *pass) settle(n int, fp *fieldPlan, v any) any {
	if fp.transform != nil {
		v = s.transformed(n, fp, v)
	}
	switch v.(type) {
	case refused:
		return v
	case op.Unset:
		switch {
		case fp.left:
			return v
		case fp.required:
			s.fail(n, fp.f, "required", "", "is required")
			return refused{}
		case fp.f.Nullable:
			return nil
		}
		if v = fp.zero; v == nil {
			s.fail(n, fp.f, "required", "", "is required")
			return refused{}
		}
	case nil:
		switch {
		case fp.required:
			s.fail(n, fp.f, "required", "", "is required")
			return refused{}
		case fp.f.Nullable:
			return nil
		case fp.zero != nil && (fp.kind == schema.KindJSON || fp.kind == schema.KindBytes):
			v = fp.zero
		case fp.left:
			return op.Unset{}
		default:
			s.fail(n, fp.f, "required", "", "must not be null")
			return refused{}
		}
	}
	s.obey(n, fp, v)
	return v
}

func (s *pass) transformed(n int, fp *fieldPlan, v any) any {
	switch v.(type) {
	case nil, op.Unset, refused:
		return v
	}
	s.enter("transform", fp.f)
	v = fp.transform(v)
	s.leave()
	if v == nil {
		return nil
	}
	c, err := op.CanonField(fp.f, v)
	if err != nil {
		s.failErr(n, fp.f, err)
		return refused{}
	}
	return c
}

// obey checks a canonical value that is not NULL against the field's rules.
func (s *pass) obey(n int, fp *fieldPlan, v any) {
	if fp.required && !fp.numeric && empty(v) {
		s.fail(n, fp.f, "required", "", "is required")
		return
	}
	if fp.runes > 0 {
		// The length in bytes is never less than that in characters.
		if t, ok := v.(string); ok && len(t) > fp.runes && utf8.RuneCountInString(t) > fp.runes {
			s.fail(n, fp.f, "size", strconv.Itoa(fp.runes), "must have at most "+strconv.Itoa(fp.runes)+" characters")
		}
	}
	if fp.bytes > 0 {
		if b, ok := v.([]byte); ok && len(b) > fp.bytes {
			s.fail(n, fp.f, "size", strconv.Itoa(fp.bytes), "must have at most "+strconv.Itoa(fp.bytes)+" bytes")
		}
	}
	if fp.enum != nil {
		if t, ok := v.(string); ok && !slices.Contains(fp.enum, t) {
			msg := "must be one of " + strings.Join(fp.enum, ", ")
			if !fp.f.Encrypted {
				msg += fmt.Sprintf(", not %q", t)
			}
			s.fail(n, fp.f, "enum", strings.Join(fp.enum, " "), msg)
		}
	}
	if fp.rule != nil {
		if b := fp.rule(v); b != nil {
			s.fail(n, fp.f, b.rule, b.param, b.message)
		}
	}
	if fp.custom != nil {
		s.enter("validator", fp.f)
		msg := fp.custom(v)
		s.leave()
		if msg != "" {
			s.fail(n, fp.f, "custom", fp.f.Validator, msg)
		}
	}
}

func empty(v any) bool {
	switch v := v.(type) {
	case string:
		return v == ""
	case []byte:
		return len(v) == 0
	case time.Time:
		return v.IsZero()
	case op.JSON:
		return v == "null" || v == "[]" || v == "{}" || v == `""`
	}
	return false
}
