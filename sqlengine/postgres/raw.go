package postgres

import (
	"context"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/sqlengine"
)

func arguments(o *op.Op) ([]sqlengine.Value, error) {
	args := make([]sqlengine.Value, len(o.Args))
	for i, v := range o.Args {
		var err error
		if args[i], err = sqlengine.Argument(v); err != nil {
			return nil, err
		}
	}
	return args, nil
}

// rawOf reads an operation's SQL and checks that it may run.
func rawOf(o *op.Op) ([]rawStatement, error) {
	list, err := split(o.SQL)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, op.Errorf(op.CodeValidation, "the statement is empty")
	}
	for i := range list {
		if err := list[i].allowed(); err != nil {
			return nil, err
		}
	}
	if len(list) > 1 {
		switch {
		case o.Returning:
			return nil, op.Errorf(op.CodeValidation, "several statements at once give no rows: run them one by one")
		case len(o.Args) > 0:
			return nil, op.Errorf(op.CodeValidation, "several statements at once take no arguments")
		}
	}
	return list, nil
}

// sql runs raw SQL. What changes rows is serialized as operations are.
func (e *Engine) sql(ctx context.Context, o *op.Op) (res op.Result, err error) {
	list, err := rawOf(o)
	if err != nil {
		return op.Result{}, sqlengine.Explain(err, "sql", nil)
	}
	changes := len(list) > 1
	switch list[0].verb {
	case "INSERT", "UPDATE", "DELETE", "MERGE", "WITH":
		changes = true
	}
	err = e.again(ctx, false, func() error {
		c, err := e.get(ctx)
		if err != nil {
			return err
		}
		if !changes {
			res, err = e.sqlOn(ctx, c, o)
			res, err = e.give(c, res, err)
			return err
		}
		defer c.Release()
		return sqlengine.Explain(c.Atomic(ctx, func() error {
			if res, err = e.sqlOn(ctx, c, o); err != nil || res.Rows == nil {
				return err
			}
			return sqlengine.Detach(res.Rows)
		}), "sql", nil)
	})
	if err != nil {
		return op.Result{}, err
	}
	return res, nil
}

// sqlOn runs raw SQL on a connection. Several statements run in the transaction
// that is open; they take no arguments and give no rows.
func (e *Engine) sqlOn(ctx context.Context, c *conn, o *op.Op) (op.Result, error) {
	res, err := e.rawSQL(ctx, c, o)
	return res, sqlengine.Explain(err, "sql", nil)
}

func (e *Engine) rawSQL(ctx context.Context, c *conn, o *op.Op) (op.Result, error) {
	list, err := rawOf(o)
	if err != nil {
		return op.Result{}, err
	}
	for i := range list {
		if list[i].changesTables() {
			defer e.core.Forget()
			break
		}
	}
	args, err := arguments(o)
	if err != nil {
		return op.Result{}, err
	}
	if len(list) == 1 {
		return e.rawOne(ctx, c, o, &list[0], args)
	}
	var n int64
	for i := range list {
		changed, _, err := c.Exec(ctx, e.raws.statement(list[i].sql), nil)
		if err != nil {
			return op.Result{}, err
		}
		switch list[i].verb {
		case "INSERT", "UPDATE", "DELETE", "MERGE", "WITH":
			n += changed
		}
	}
	return op.Result{N: n}, nil
}

func (e *Engine) rawOne(ctx context.Context, c *conn, o *op.Op, s *rawStatement, args []sqlengine.Value) (op.Result, error) {
	if s.places > 0 && s.places != len(args) {
		return op.Result{}, op.Errorf(op.CodeValidation, "the statement has %d places for arguments (?) and was given %d", s.places, len(args))
	}
	cur, err := c.Query(ctx, e.raws.statement(s.sql), args)
	if err != nil {
		return op.Result{}, err
	}
	k := cur.(*cursor)
	fields := k.s.Fields
	if len(fields) == 0 {
		tag, err := k.end()
		return op.Result{N: tag.RowsAffected()}, err
	}
	stores, names := make([]sqlengine.Storage, len(fields)), make([]string, len(fields))
	for i, f := range fields {
		stores[i], names[i] = storeOf(f.DataTypeOID), f.Name
	}
	return op.Result{Rows: sqlengine.RawStored(k, stores, o.Sink), Columns: names}, nil
}

// changes reports whether raw SQL begins like one that changes something.
func changes(o *op.Op) bool {
	list, err := split(o.SQL)
	if err != nil {
		return false
	}
	for i := range list {
		switch list[i].verb {
		case "SELECT", "WITH", "VALUES", "TABLE", "SHOW", "EXPLAIN", "(", "":
		default:
			return true
		}
	}
	return false
}

// storeOf says how the values of a type are read when nothing else is known of
// them.
func storeOf(oid uint32) sqlengine.Storage {
	switch oid {
	case pgtype.BoolOID:
		return sqlengine.StoreBool
	case pgtype.NumericOID:
		return sqlengine.StoreExact
	case pgtype.JSONOID, pgtype.JSONBOID:
		return sqlengine.StoreFoundJSON
	case pgtype.TimestampOID, pgtype.TimestamptzOID, pgtype.DateOID:
		return sqlengine.StoreTime
	case pgtype.ByteaOID:
		return sqlengine.StoreBytes
	}
	return sqlengine.StoreAny
}
