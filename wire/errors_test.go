package wire

import (
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"

	"github.com/weftdb/weft/op"
)

func sent(err error) error { return DecodeError(EncodeError(err)) }

func TestErrorsKeepWhatTheyAre(t *testing.T) {
	if err := sent(nil); err != nil {
		t.Fatalf("nil became %v", err)
	}
	for _, s := range sentinels {
		if got := sent(s); got != error(s) {
			t.Errorf("%v became %v", s, got)
		}
	}
	stale := &op.ConflictError{Reason: op.ReasonStale, Model: "Post", ID: "p1", Current: []any{"p1", int64(3), nil}, Index: -1}
	invalid := op.Invalid("Post", "title", "required", "is required")
	invalid.Add(op.Failure{Field: "a", Rule: "max", Param: "3", Message: "is too long"})
	invalid.Add(op.Failure{Field: "title", Rule: "min", Param: "1", Message: "is too short"})
	for _, want := range []error{
		op.Errorf(op.CodeNotFound, "no Post %s", "x"),
		&op.Error{Code: op.CodeDatabase, Op: "insert Post", Message: "disk full", Index: 7},
		&op.Error{Code: "A_LATER_CODE", Message: "m"},
		op.ErrClosed(), stale, invalid, &op.ValidationError{}, &op.ConflictError{},
		context.Canceled, context.DeadlineExceeded,
		&op.Error{Code: op.CodeValidation, Index: 2, Err: invalid},
		&op.Error{Code: op.CodeConflict, Index: 0, Err: &op.Error{Code: op.CodeInternal, Err: stale}},
		op.FromContext(context.DeadlineExceeded),
		&op.Error{Code: op.CodeInternal, Index: -1, Err: op.ErrNotFound},
	} {
		got := sent(want)
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%#v became %#v", want, got)
		}
		if got.Error() != want.Error() || op.CodeOf(got) != op.CodeOf(want) {
			t.Errorf("%v (%s) became %v (%s)", want, op.CodeOf(want), got, op.CodeOf(got))
		}
	}
}

func TestErrorsAreFoundAfterDecoding(t *testing.T) {
	retry := &op.ConflictError{Reason: op.ReasonSerialization, Model: "Post", Index: -1}
	for _, c := range []struct {
		err error
		is  []error
	}{
		{fmt.Errorf("load: %w", op.ErrNotFound), []error{op.ErrNotFound}},
		{fmt.Errorf("run: %w", context.Canceled), []error{context.Canceled}},
		{op.FromContext(fmt.Errorf("run: %w", context.DeadlineExceeded)), []error{context.DeadlineExceeded, op.ErrTimeout}},
		{errors.Join(io.EOF, retry, fmt.Errorf("x: %w", op.ErrForbidden)), []error{op.ErrConflict, op.ErrForbidden}},
		{op.Errorf(op.CodeDatabase, "write: %w", io.ErrShortWrite), []error{op.ErrDatabase}},
		{&op.Error{Code: op.CodeDatabase, Err: io.ErrShortWrite, Index: -1}, []error{op.ErrDatabase}},
		{errors.New("boom"), []error{op.ErrInternal}},
		{fmt.Errorf("a: %w", errors.New("boom")), []error{op.ErrInternal}},
	} {
		got := sent(c.err)
		if got.Error() != c.err.Error() || op.CodeOf(got) != op.CodeOf(c.err) || op.Retryable(got) != op.Retryable(c.err) {
			t.Errorf("%v (%s) became %v (%s)", c.err, op.CodeOf(c.err), got, op.CodeOf(got))
		}
		for _, target := range c.is {
			if !errors.Is(got, target) {
				t.Errorf("%v is no %v any more", c.err, target)
			}
		}
	}
	var e *op.Error
	if got := sent(errors.New("boom")); !errors.As(got, &e) || e.Code != op.CodeInternal || e.Index != -1 {
		t.Errorf("a foreign error became %#v", got)
	}
	var conflict *op.ConflictError
	if got := sent(fmt.Errorf("tx: %w", retry)); !errors.As(got, &conflict) || conflict.Reason != op.ReasonSerialization {
		t.Errorf("got %#v", got)
	}
}

func TestErrorsAlwaysArrive(t *testing.T) {
	var none *op.Error
	var noConflict *op.ConflictError
	var noValidation *op.ValidationError
	deep := error(op.ErrNotFound)
	for range 10_000 {
		deep = &op.Error{Code: op.CodeInternal, Message: "deep", Index: -1, Err: deep}
	}
	odd := &op.ConflictError{Reason: op.ReasonStale, Model: "Post", Current: []any{"p1", struct{}{}}, Index: -1}
	for _, err := range []error{none, noConflict, noValidation, deep, odd} {
		if got := sent(err); got == nil || strings.HasPrefix(got.Error(), "decode error") {
			t.Errorf("got %v", got)
		}
	}
	var c *op.ConflictError
	if got := sent(odd); !errors.As(got, &c) || c.Model != "Post" || c.Current != nil {
		t.Errorf("got %#v", got)
	}
	if got := sent(deep); op.CodeOf(got) != op.CodeInternal || got.Error() != "deep" {
		t.Errorf("got %v", got)
	}
}

func TestMalformedErrors(t *testing.T) {
	good := EncodeError(&op.Error{Code: op.CodeDatabase, Message: "x", Err: io.EOF})
	for i := range good {
		if err := DecodeError(good[:i]); err == nil || !strings.HasPrefix(err.Error(), "decode error: malformed") {
			t.Errorf("%d bytes of %d: %v", i, len(good), err)
		}
	}
	if err := DecodeError([]byte{magic, 2, msgError}); op.CodeOf(err) != op.CodeUnsupported {
		t.Errorf("got %v", err)
	}
	if err := DecodeError([]byte{magic, 1, msgError, errSentinel << 3, 100}); op.CodeOf(err) != op.CodeUnsupported {
		t.Errorf("got %v", err)
	}
}
