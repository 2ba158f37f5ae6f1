package sqlengine

import (
	"errors"
	"strings"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// Class is what kind of failure a database reported.
type Class uint8

// The classes of failures.
const (
	FaultOther     Class = iota
	FaultUnique          // Columns are those of the unique index
	FaultKey             // as FaultUnique, of the primary key
	FaultReference       // a foreign key
	FaultNotNull         // Columns has the one column
	FaultCheck           // a CHECK of the table
	FaultOverflow        // a number left its range
	FaultSnapshot        // a concurrent transaction was first
)

// Fault is a failure that the database reported and that has to be said in the
// operation's words. Failures that concern the database as a whole (locked,
// full, corrupt) are *op.Error from the start.
type Fault struct {
	Class   Class
	Table   string
	Columns []string
	Err     error
}

func (f *Fault) Error() string { return f.Err.Error() }

// Unwrap returns the driver's error.
func (f *Fault) Unwrap() error { return f.Err }

// Explain says a failure in the words of what was tried: a verb and a model,
// which may be nil.
func Explain(err error, verb string, m *schema.Model) error { return explain(err, verb, m, -1) }

// explain says a failure in the words of the operation on m. Index is the
// row's position in an insert of many, or -1.
func explain(err error, verb string, m *schema.Model, index int) error {
	if err == nil {
		return nil
	}
	var (
		name  string
		f     *Fault
		e     *op.Error
		c     *op.ConflictError
		v     *op.ValidationError
		title = verb
	)
	if m != nil {
		name = m.Name
		title += " " + m.Name
	}
	switch {
	case errors.As(err, &c), errors.As(err, &v):
		return err
	case errors.As(err, &e):
		if e.Op == "" {
			e.Op = title
		}
		return err
	case !errors.As(err, &f):
		e := op.Errorf(op.CodeDatabase, "%w", err)
		e.Op = title
		return e
	}
	if at := modelOf(m, f); at != m { // what a foreign key carried the change to
		m, name = at, at.Name
	}
	fields := fieldNames(m, f)
	switch f.Class {
	case FaultUnique, FaultKey:
		c := &op.ConflictError{Reason: op.ReasonUnique, Model: name, Fields: fields, Index: index, Err: f.Err}
		if f.Class == FaultKey || isKey(m, f) {
			c.Reason = op.ReasonExists
		}
		return c
	case FaultReference:
		return &op.ConflictError{Reason: op.ReasonReference, Model: name, Index: index, Err: f.Err}
	case FaultSnapshot:
		return &op.ConflictError{Reason: op.ReasonSerialization, Model: name, Index: -1, Err: f.Err}
	case FaultNotNull:
		why := "must not be null"
		if m != nil && len(fields) == 1 {
			if f := m.Field(fields[0]); f != nil && f.ReadOnly {
				why = "is read-only, so the database has to give it a value, but its column has neither a default nor NULL: give the column a default"
			}
		}
		v := op.Invalid(name, strings.Join(fields, ", "), "required", "%s", why)
		v.Index = index
		return v
	case FaultCheck:
		v := op.Invalid(name, "", "check", "a check of the table refuses the row: %s", f.Err)
		v.Index = index
		return v
	case FaultOverflow:
		v := op.Invalid(name, "", "range", "the result is outside the range of the field")
		v.Index = index
		return v
	}
	e = op.Errorf(op.CodeDatabase, "%w", f.Err)
	e.Op = title
	e.Index = index
	return e
}

// modelOf is the model of the table that a fault names; m where it names none.
func modelOf(m *schema.Model, f *Fault) *schema.Model {
	if m == nil || f.Table == "" || strings.EqualFold(f.Table, m.Table) || m.Set() == nil {
		return m
	}
	for _, other := range m.Set().Models {
		if strings.EqualFold(other.Table, f.Table) {
			return other
		}
	}
	return m
}

func isKey(m *schema.Model, f *Fault) bool {
	if m == nil || len(f.Columns) != len(m.Primary) || (f.Table != "" && !strings.EqualFold(f.Table, m.Table)) {
		return false
	}
	for i, p := range m.Primary {
		if !strings.EqualFold(p.Column, f.Columns[i]) {
			return false
		}
	}
	return true
}

// fieldNames are the JSON names of the fault's columns.
func fieldNames(m *schema.Model, f *Fault) []string {
	var names []string
	for _, col := range f.Columns {
		name := col
		if m != nil {
			for _, fd := range m.Fields {
				if strings.EqualFold(fd.Column, col) {
					name = fd.Name
				}
			}
		}
		names = append(names, name)
	}
	return names
}
