package op_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/weftdb/weft/op"
)

func TestErrors(t *testing.T) {
	cause := errors.New("disk")
	for _, c := range []struct {
		err  error
		code op.Code
		is   error
		says string
	}{
		{op.Errorf(op.CodeDatabase, "write: %w", cause), op.CodeDatabase, cause, "write: disk"},
		{op.ErrClosed(), op.CodeDatabase, op.ErrDatabase, "the database is closed"},
		{op.ErrTxDone(), op.CodeDatabase, op.ErrDatabase, "the transaction has ended"},
		{op.FromContext(context.Canceled), op.CodeCancelled, context.Canceled, "cancelled"},
		{op.FromContext(fmt.Errorf("x: %w", context.DeadlineExceeded)), op.CodeTimeout, context.DeadlineExceeded, "timed out"},
		{op.FromContext(op.ErrClosed()), op.CodeDatabase, op.ErrDatabase, "closed"},
		{context.Canceled, op.CodeCancelled, context.Canceled, "canceled"},
		{context.DeadlineExceeded, op.CodeTimeout, context.DeadlineExceeded, "deadline"},
		{cause, op.CodeInternal, cause, "disk"},
		{nil, "", nil, ""},
		{&op.Error{Code: op.CodeForbidden, Op: "insert Post", Index: 2}, op.CodeForbidden, op.ErrForbidden, "insert Post: [2] forbidden"},
		{op.InBatch(1, &op.ConflictError{Reason: op.ReasonUnique, Model: "Post", Fields: []string{"slug"}, Index: -1}), op.CodeConflict, op.ErrConflict, "batch: [1] Post: another row has the same slug"},
		{op.InBatch(0, op.Invalid("Post", "title", "size", "is too long")), op.CodeValidation, op.ErrValidation, "batch: [0] Post: title is too long"},
		{&op.ConflictError{Reason: op.ReasonExists, Model: "Post", ID: "5", Index: 3, Err: cause}, op.CodeConflict, cause, "Post 5: [3] a row with this key exists"},
		{&op.ConflictError{Reason: op.ReasonStale, Index: -1}, op.CodeConflict, op.ErrConflict, "changed since"},
		{&op.ConflictError{Reason: op.ReasonReference, Index: -1}, op.CodeConflict, op.ErrConflict, "foreign key"},
		{&op.ConflictError{Index: -1}, op.CodeConflict, op.ErrConflict, "conflict"},
	} {
		if got := op.CodeOf(c.err); got != c.code {
			t.Errorf("%v has code %s, want %s", c.err, got, c.code)
		}
		if c.err != nil && (!errors.Is(c.err, c.is) || !strings.Contains(c.err.Error(), c.says)) {
			t.Errorf("%q is not %v or does not say %q", c.err, c.is, c.says)
		}
	}
	if errors.Is(op.ErrClosed(), op.ErrTimeout) || errors.Is(op.ErrTimeout, context.Canceled) || op.FromContext(cause) != cause {
		t.Error("errors are mixed up")
	}
	if !op.Retryable(fmt.Errorf("x: %w", &op.ConflictError{Reason: op.ReasonSerialization})) || op.Retryable(&op.ConflictError{Reason: op.ReasonStale}) {
		t.Error("only a serialization conflict is retried")
	}
	for _, code := range []op.Code{
		op.CodeNotFound, op.CodeConflict, op.CodeUnauthorized, op.CodeForbidden, op.CodeValidation, op.CodeRateLimit,
		op.CodeQuota, op.CodeUnsupported, op.CodeDatabase, op.CodeTimeout, op.CodeSandbox, op.CodeCancelled, op.CodeInternal,
	} {
		if h := code.HTTP(); h < 400 || h > 599 {
			t.Errorf("%s has status %d", code, h)
		}
	}
	v := op.Invalid("", "", "x", "both a and b")
	v.Index = 1
	v.Add(op.Failure{Field: "a", Message: "is bad"})
	if v.Error() != "[1] both a and b; a is bad" {
		t.Errorf("%q", v.Error())
	}
}

func TestAllOf(t *testing.T) {
	a, b := op.Cmp("a", op.Eq, 1), op.Cmp("b", op.Eq, 2)
	if c := op.AllOf(op.Cond{}, op.Cond{Kind: op.And}); c.Kind != op.True {
		t.Errorf("%+v", c)
	}
	if c := op.AllOf(op.Cond{}, a); c.Field != "a" {
		t.Errorf("%+v", c)
	}
	if c := op.AllOf(op.AllOf(a, b), b); c.Kind != op.And || len(c.Conds) != 3 {
		t.Errorf("%+v", c)
	}
	o := op.Op{Filter: a}
	if c := o.Where(); c.Field != "a" {
		t.Errorf("%+v", c)
	}
	o.Using = b
	if c := o.Where(); c.Kind != op.And || len(c.Conds) != 2 {
		t.Errorf("%+v", c)
	}
}
