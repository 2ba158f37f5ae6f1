package weft

import (
	"errors"
	"reflect"

	"github.com/weftdb/weft/op"
)

// One error per code, for errors.Is. ErrCancelled also matches
// context.Canceled, and ErrTimeout context.DeadlineExceeded.
var (
	ErrNotFound     error = op.ErrNotFound
	ErrConflict     error = op.ErrConflict
	ErrUnauthorized error = op.ErrUnauthorized
	ErrForbidden    error = op.ErrForbidden
	ErrValidation   error = op.ErrValidation
	ErrRateLimit    error = op.ErrRateLimit
	ErrQuota        error = op.ErrQuota
	ErrUnsupported  error = op.ErrUnsupported
	ErrDatabase     error = op.ErrDatabase
	ErrTimeout      error = op.ErrTimeout
	ErrSandbox      error = op.ErrSandbox
	ErrCancelled    error = op.ErrCancelled
	ErrInternal     error = op.ErrInternal
)

// Code is the stable name of a class of errors, such as NOT_FOUND.
type Code = op.Code

// The codes.
const (
	CodeNotFound     = op.CodeNotFound
	CodeConflict     = op.CodeConflict
	CodeUnauthorized = op.CodeUnauthorized
	CodeForbidden    = op.CodeForbidden
	CodeValidation   = op.CodeValidation
	CodeRateLimit    = op.CodeRateLimit
	CodeQuota        = op.CodeQuota
	CodeUnsupported  = op.CodeUnsupported
	CodeDatabase     = op.CodeDatabase
	CodeTimeout      = op.CodeTimeout
	CodeSandbox      = op.CodeSandbox
	CodeCancelled    = op.CodeCancelled
	CodeInternal     = op.CodeInternal
)

// CodeOf returns the code of an error: "" for nil, CodeInternal for an error
// that is not Weft's.
func CodeOf(err error) Code { return op.CodeOf(err) }

// Error is a failure with a code.
type Error = op.Error

// ConflictError is a write that another write stands against. Reason is one of
// unique, exists, stale, serialization and reference.
type ConflictError = op.ConflictError

// ValidationError is input that was refused before anything ran: Fields maps
// each field to its messages, Failures lists them with rule and parameter.
type ValidationError = op.ValidationError

// Failure is one rule that one field broke.
type Failure = op.Failure

// Fresh returns the row as it is now in the database, out of the conflict of a
// stale write. It is false when err is no such conflict or belongs to another
// model.
func Fresh[T any](err error) (*T, bool) {
	var c *ConflictError
	if !errors.As(err, &c) {
		return nil, false
	}
	row, ok := c.Row.(*T)
	return row, ok
}

// fresh makes the instance that Fresh gives.
func (b *binding) fresh(err error) error {
	var c *ConflictError
	if !errors.As(err, &c) || len(c.Current) != len(b.fields) || c.Row != nil || c.Model != b.model.Name {
		return err
	}
	if p, _ := b.newRow(); b.fill(p, c.Current, nil) == nil {
		c.Row = reflect.NewAt(b.typ, p).Interface()
	}
	return err
}

func invalid(format string, args ...any) error {
	return op.Errorf(op.CodeValidation, format, args...)
}
