package op

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Code is the stable name of a class of errors. It is mapped once to an HTTP
// status ([Code.HTTP]) and to an exit status.
type Code string

// The codes.
const (
	CodeNotFound     Code = "NOT_FOUND"
	CodeConflict     Code = "CONFLICT"
	CodeUnauthorized Code = "UNAUTHORIZED"
	CodeForbidden    Code = "FORBIDDEN"
	CodeValidation   Code = "VALIDATION_ERROR"
	CodeRateLimit    Code = "RATE_LIMIT_EXCEEDED"
	CodeQuota        Code = "QUOTA_EXCEEDED"
	CodeUnsupported  Code = "CAPABILITY_NOT_SUPPORTED"
	CodeDatabase     Code = "DATABASE_ERROR"
	CodeTimeout      Code = "TIMEOUT"
	CodeSandbox      Code = "SANDBOX_VIOLATION"
	CodeCancelled    Code = "CANCELLED"
	CodeInternal     Code = "INTERNAL_ERROR"
)

// HTTP returns the status that stands for the code.
func (c Code) HTTP() int {
	switch c {
	case CodeNotFound:
		return 404
	case CodeConflict:
		return 409
	case CodeUnauthorized:
		return 401
	case CodeForbidden, CodeSandbox:
		return 403
	case CodeValidation:
		return 422
	case CodeRateLimit:
		return 429
	case CodeQuota:
		return 507
	case CodeUnsupported:
		return 501
	case CodeDatabase:
		return 503
	case CodeTimeout:
		return 504
	case CodeCancelled:
		return 499
	}
	return 500
}

// One error per code, for errors.Is. CodeCancelled also holds for
// context.Canceled and CodeTimeout for context.DeadlineExceeded.
var (
	ErrNotFound     = &Error{Code: CodeNotFound, sentinel: true}
	ErrConflict     = &Error{Code: CodeConflict, sentinel: true}
	ErrUnauthorized = &Error{Code: CodeUnauthorized, sentinel: true}
	ErrForbidden    = &Error{Code: CodeForbidden, sentinel: true}
	ErrValidation   = &Error{Code: CodeValidation, sentinel: true}
	ErrRateLimit    = &Error{Code: CodeRateLimit, sentinel: true}
	ErrQuota        = &Error{Code: CodeQuota, sentinel: true}
	ErrUnsupported  = &Error{Code: CodeUnsupported, sentinel: true}
	ErrDatabase     = &Error{Code: CodeDatabase, sentinel: true}
	ErrTimeout      = &Error{Code: CodeTimeout, sentinel: true}
	ErrSandbox      = &Error{Code: CodeSandbox, sentinel: true}
	ErrCancelled    = &Error{Code: CodeCancelled, sentinel: true}
	ErrInternal     = &Error{Code: CodeInternal, sentinel: true}
)

// Error is what every engine and layer fails with.
type Error struct {
	Code    Code
	Op      string // "insert Post": verb and model
	Message string // what was wrong and what would be right
	Index   int    // position in a batch or of a row, from 0; -1 where there is none
	Closed  bool   // the database was closed
	Err     error  // cause; may be nil

	sentinel bool
}

// Errorf makes an error with a code and a message.
func Errorf(code Code, format string, args ...any) *Error {
	e := &Error{Code: code, Index: -1}
	wrapped := fmt.Errorf(format, args...)
	e.Message = wrapped.Error()
	e.Err = errors.Unwrap(wrapped)
	return e
}

// ErrClosed is the error of every call after Close.
func ErrClosed() *Error {
	return &Error{Code: CodeDatabase, Message: "the database is closed", Index: -1, Closed: true}
}

func (e *Error) Error() string {
	var b strings.Builder
	if e.Op != "" {
		b.WriteString(e.Op)
		b.WriteString(": ")
	}
	if e.Index >= 0 && !e.sentinel {
		fmt.Fprintf(&b, "[%d] ", e.Index)
	}
	switch {
	case e.Message != "":
		b.WriteString(e.Message)
	case e.Err != nil:
		b.WriteString(e.Err.Error())
	default:
		b.WriteString(strings.ToLower(strings.ReplaceAll(string(e.Code), "_", " ")))
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Is holds for the sentinel of the same code, and for the context's errors.
func (e *Error) Is(target error) bool {
	if t, ok := target.(*Error); ok {
		return t.sentinel && t.Code == e.Code
	}
	return isContext(e.Code, target)
}

func isContext(c Code, target error) bool {
	return (c == CodeCancelled && target == context.Canceled) ||
		(c == CodeTimeout && target == context.DeadlineExceeded)
}

// The reasons of a conflict.
const (
	ReasonUnique        = "unique"        // another row has the same value in Fields
	ReasonExists        = "exists"        // a row with this key exists
	ReasonStale         = "stale"         // the row was changed since it was loaded
	ReasonSerialization = "serialization" // concurrent transactions; the only one that is retried
	ReasonReference     = "reference"     // a foreign key would point nowhere
)

// ConflictError is a write that another write stands against.
//
// ID is the key of the row that could not be written, as [Key] writes it: of a
// row to be inserted the one given, of an update or delete the one that its
// filter names. It is empty where the database would have made the key, where
// the filter may hold for several rows, and for a serialization conflict. Of a
// stale row it is that row's key.
type ConflictError struct {
	Reason  string // unique, exists, stale, serialization, reference
	Model   string
	ID      string
	Fields  []string // unique, exists: those that another row has the same values in; reference: may be empty
	Row     any      // stale: Current as the model's Go struct, set by the typed API
	Current []any    // stale: the row as it is now, all fields of the model in order; may be nil
	Deleted bool     // exists, unique: the other row is marked deleted
	Index   int      // of the row in an insert of many, from 0; -1 where there is none
	Err     error
}

func (e *ConflictError) Error() string {
	var b strings.Builder
	b.WriteString(e.Model)
	if e.ID != "" {
		b.WriteString(" " + e.ID)
	}
	if b.Len() > 0 {
		b.WriteString(": ")
	}
	if e.Index >= 0 {
		fmt.Fprintf(&b, "[%d] ", e.Index)
	}
	switch e.Reason {
	case ReasonUnique:
		fmt.Fprintf(&b, "another row has the same %s", strings.Join(e.Fields, ", "))
		if e.Deleted {
			b.WriteString(" and is deleted; Restore brings it back, Purge takes it away")
		}
	case ReasonExists:
		b.WriteString("a row with this key exists")
		if e.Deleted {
			b.WriteString(" and is deleted; Restore brings it back, Purge takes it away")
		}
	case ReasonStale:
		b.WriteString("the row was changed since it was loaded")
	case ReasonSerialization:
		b.WriteString("a concurrent transaction changed the same data")
	case ReasonReference:
		b.WriteString("a foreign key would point to no row, or rows still point here")
	default:
		b.WriteString("conflict")
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *ConflictError) Unwrap() error { return e.Err }

// Is holds for ErrConflict.
func (e *ConflictError) Is(target error) bool { return target == error(ErrConflict) }

// ValidationError is input that was refused before anything ran. Of an insert of
// many it tells what is wrong with every row: the failures of the first one,
// which is that of Index, by their fields' names, those of further rows with the
// row's position before the name ("[10].title"), in the order of the rows.
type ValidationError struct {
	Model    string
	Fields   map[string][]string // field → messages
	Failures []Failure
	Index    int // of the row in an insert of many, from 0; -1 where there is none
}

// Failure is one rule that one field broke.
type Failure struct {
	Field, Rule, Param, Message string
}

// Invalid makes a ValidationError of one failure.
func Invalid(model, field, rule, format string, args ...any) *ValidationError {
	e := &ValidationError{Model: model, Index: -1}
	e.Add(Failure{Field: field, Rule: rule, Message: fmt.Sprintf(format, args...)})
	return e
}

// Add adds a failure.
func (e *ValidationError) Add(f Failure) {
	if e.Fields == nil {
		e.Fields = map[string][]string{}
	}
	e.Fields[f.Field] = append(e.Fields[f.Field], f.Message)
	e.Failures = append(e.Failures, f)
}

func (e *ValidationError) Error() string {
	names := make([]string, 0, len(e.Fields))
	for n := range e.Fields {
		names = append(names, n)
	}
	slices.SortFunc(names, compareFields)
	parts := make([]string, 0, len(names))
	for _, n := range names {
		m := strings.Join(e.Fields[n], ", ")
		if n != "" {
			m = n + " " + m
		}
		parts = append(parts, m)
	}
	s := strings.Join(parts, "; ")
	if e.Index >= 0 {
		s = fmt.Sprintf("[%d] %s", e.Index, s)
	}
	if e.Model != "" {
		s = e.Model + ": " + s
	}
	return s
}

// compareFields puts names in order: those without a row, then by row, for
// "[10].title" comes after "[2].title".
func compareFields(a, b string) int {
	x, fieldA := fieldOfRow(a)
	y, fieldB := fieldOfRow(b)
	return cmp.Or(cmp.Compare(x, y), strings.Compare(fieldA, fieldB))
}

// fieldOfRow takes "[10].title" apart; names of other forms have the row -1.
func fieldOfRow(name string) (int, string) {
	if n, field, ok := strings.Cut(strings.TrimPrefix(name, "["), "]."); ok && strings.HasPrefix(name, "[") {
		if row, err := strconv.Atoi(n); err == nil {
			return row, field
		}
	}
	return -1, name
}

// Is holds for ErrValidation.
func (e *ValidationError) Is(target error) bool { return target == error(ErrValidation) }

// CodeOf returns the code of an error: "" for nil, CodeInternal for errors
// that are not of this package.
func CodeOf(err error) Code {
	var (
		e *Error
		c *ConflictError
		v *ValidationError
	)
	switch {
	case err == nil:
		return ""
	case errors.As(err, &c):
		return CodeConflict
	case errors.As(err, &v):
		return CodeValidation
	case errors.As(err, &e):
		return e.Code
	case errors.Is(err, context.Canceled):
		return CodeCancelled
	case errors.Is(err, context.DeadlineExceeded):
		return CodeTimeout
	}
	return CodeInternal
}

// FromContext turns a context's error into an *Error; other errors are
// returned as they are.
func FromContext(err error) error {
	switch {
	case errors.As(err, new(*Error)):
		return err
	case errors.Is(err, context.Canceled):
		return &Error{Code: CodeCancelled, Message: "cancelled", Index: -1, Err: err}
	case errors.Is(err, context.DeadlineExceeded):
		return &Error{Code: CodeTimeout, Message: "timed out", Index: -1, Err: err}
	}
	return err
}

// Retryable reports whether a transaction that failed with err may be run
// again: only a serialization conflict is.
func Retryable(err error) bool {
	var c *ConflictError
	return errors.As(err, &c) && c.Reason == ReasonSerialization
}

// ErrTxDone is the error of every call on a transaction after its end.
func ErrTxDone() *Error {
	return &Error{Code: CodeDatabase, Message: "the transaction has ended", Index: -1}
}
