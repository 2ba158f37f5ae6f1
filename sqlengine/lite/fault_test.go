package lite

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/sqlengine"
)

func TestExplain(t *testing.T) {
	at := Place{File: "a.db"}
	for _, c := range []struct {
		code    int
		msg     string
		class   sqlengine.Class // of a fault, or
		text    string          // a part of an *op.Error
		table   string
		columns string
	}{
		{code: 2067, msg: "UNIQUE constraint failed: t.a, t.b", class: sqlengine.FaultUnique, table: "t", columns: "a b"},
		{code: 1555, msg: "UNIQUE constraint failed: t.id", class: sqlengine.FaultKey, table: "t", columns: "id"},
		{code: 2579, msg: "UNIQUE constraint failed: t.rowid", class: sqlengine.FaultKey, table: "t", columns: "rowid"},
		{code: 787, msg: "FOREIGN KEY constraint failed", class: sqlengine.FaultReference},
		{code: 1811, msg: "FOREIGN KEY constraint failed", class: sqlengine.FaultReference},
		{code: 1299, msg: "NOT NULL constraint failed: t.a", class: sqlengine.FaultNotNull, table: "t", columns: "a"},
		{code: 275, msg: "CHECK constraint failed: n > 0", class: sqlengine.FaultCheck},
		{code: 517, msg: "database is locked", class: sqlengine.FaultSnapshot},
		{code: 1, msg: Overflow, class: sqlengine.FaultOverflow},
		{code: 1, msg: "integer overflow", class: sqlengine.FaultOverflow},
		{code: 1, msg: "near \"x\": syntax error", class: sqlengine.FaultOther},
		{code: 1, msg: Refused + "no such place", text: "no such place"},
		{code: 1, msg: "no such table: t", text: "migrate first"},
		{code: 13, msg: "database or disk is full", text: "cannot grow"},
		{code: 266, msg: "disk I/O error", text: "check the disk"},
		{code: 5, msg: "database is locked", text: "locked by another process"},
		{code: 18, msg: "string or blob too big", text: "too large"},
	} {
		in := &Error{Code: c.code, Message: c.msg}
		err := Explain(context.Background(), fmt.Errorf("step: %w", in), at)
		var f *sqlengine.Fault
		var e *op.Error
		switch {
		case c.text != "":
			if !errors.As(err, &e) || !strings.Contains(err.Error(), c.text) {
				t.Errorf("%d %s is %v; it should say %q", c.code, c.msg, err, c.text)
			}
		case !errors.As(err, &f) || f.Class != c.class || f.Table != c.table || strings.Join(f.Columns, " ") != c.columns:
			t.Errorf("%d %s is %#v", c.code, c.msg, err)
		}
		if Environmental(c.code) != OfEnvironment(err) {
			t.Errorf("%d %s: of the environment is %t before and %t after", c.code, c.msg, Environmental(c.code), OfEnvironment(err))
		}
	}
}

func TestEnvironmental(t *testing.T) {
	for code, want := range map[int]bool{
		0: false, 1: false, 2: false, 5: true, 6: true, 7: true, 8: true, 9: true, 10: true, 11: true, 13: true, 14: true, 18: false, 19: false,
		20: false, 21: false, 25: false, 26: true, 266: true, 778: true, 2067: false, 787: false, 517: true,
	} {
		if Environmental(code) != want {
			t.Errorf("result code %d: of the environment is %t", code, !want)
		}
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	for _, err := range []error{
		Explain(ended, &Error{Code: 9, Message: "interrupted"}, Place{}), Explain(context.Background(), &Error{Code: 9}, Place{}), context.DeadlineExceeded,
		sqlengine.Explain(&sqlengine.Fault{Err: &Error{Code: 7}}, "insert", nil),
	} {
		if !OfEnvironment(err) {
			t.Errorf("%v is not of the environment", err)
		}
	}
	if OfEnvironment(nil) || OfEnvironment(op.Errorf(op.CodeValidation, "no")) {
		t.Error("what is no failure of the environment counts as one")
	}
}
