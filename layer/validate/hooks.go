package validate

import (
	"context"
	"errors"
	"slices"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// runHooks runs the hooks of one list on one instance.
func runHooks(ctx context.Context, m *schema.Model, name string, before bool, hooks []Hook, instance any) error {
	for _, h := range hooks {
		if err := runHook(ctx, h, instance); err != nil {
			return hookError(m, name, before, err)
		}
	}
	return nil
}

// panicked is what a hook panicked with.
type panicked struct{ value any }

func (p *panicked) Error() string { return "panicked" }

func runHook(ctx context.Context, h Hook, instance any) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = &panicked{r}
		}
	}()
	return h(ctx, instance)
}

// hookError wraps the error of a hook so that its code is kept.
func hookError(m *schema.Model, name string, before bool, err error) error {
	var p *panicked
	if errors.As(err, &p) {
		e := op.Errorf(op.CodeInternal, "the hook panicked: %v", p.value)
		e.Op = name + " " + m.Name
		if cause, ok := p.value.(error); ok {
			e.Err = cause
		}
		return e
	}
	// What a hook returns may be shared; others note an index in these.
	switch v := err.(type) {
	case *op.ValidationError:
		c := *v
		err = &c
	case *op.ConflictError:
		c := *v
		err = &c
	}
	code := op.CodeOf(err)
	if code == op.CodeInternal && before && !errors.Is(err, op.ErrInternal) {
		code = op.CodeValidation
	}
	return &op.Error{Code: code, Op: name + " " + m.Name, Message: err.Error(), Index: -1, Err: err}
}

// onEach runs hooks on all instances; the error has the index of the instance
// where there are several.
func onEach(ctx context.Context, m *schema.Model, name string, before bool, hooks []Hook, in op.Instances) error {
	if len(hooks) == 0 {
		return nil
	}
	n := in.Len()
	for i := range n {
		if err := runHooks(ctx, m, name, before, hooks, in.Instance(i)); err != nil {
			if n > 1 {
				return at(err, i)
			}
			return err
		}
	}
	return nil
}

// at puts the position of a row on an error of a hook.
func at(err error, i int) error {
	var e *op.Error
	if errors.As(err, &e) && e.Index < 0 {
		e.Index = i
	}
	return err
}

// stored gives the row of an instance. Values that the instance has no place
// for are those of base.
func stored(in op.Instances, i int, base []any) ([]any, error) {
	row := append([]any(nil), base...)
	if err := in.Store(i, row); err != nil {
		return nil, err
	}
	return row, nil
}

func loadAll(in op.Instances, rows [][]any) error {
	for i, row := range rows {
		if err := in.Load(i, row); err != nil {
			return err
		}
	}
	return nil
}

// createHooked runs BeforeCreate on the rows of an insert or upsert, and says
// what comes after.
func (s *pass) createHooked(ctx context.Context, o *op.Op) (after, error) {
	p, in := s.p, o.Instances
	if in == nil || in.Len() != len(o.Rows) {
		in = p.hooks.New(len(o.Rows))
	}
	if err := s.beforeCreate(ctx, o.Rows, in); err != nil {
		return nil, err
	}
	if len(p.hooks.AfterCreate) == 0 || (o.Kind == op.Upsert && len(o.Conflict.Update)+len(o.Conflict.Set) > 0) {
		return nil, nil
	}
	want := wholeRows(o)
	return func(ctx context.Context, res op.Result) (op.Result, error) {
		rows, err := collect(res.Rows)
		if err != nil {
			return op.Result{}, err
		}
		if len(rows) == in.Len() { // else an upsert left rows as they are
			if err := loadAll(in, rows); err != nil {
				return op.Result{}, err
			}
			if err := onEach(ctx, p.m, "AfterCreate", false, p.hooks.AfterCreate, in); err != nil {
				return op.Result{}, err
			}
		}
		return want.answer(res.N, rows), nil
	}, nil
}

// beforeCreate lets the hooks see and change the rows as instances.
func (s *pass) beforeCreate(ctx context.Context, rows [][]any, in op.Instances) error {
	if err := loadAll(in, rows); err != nil {
		return err
	}
	if err := onEach(ctx, s.p.m, "BeforeCreate", true, s.p.hooks.BeforeCreate, in); err != nil {
		return err
	}
	for i, row := range rows {
		before := slices.Clone(row)
		if err := in.Store(i, row); err != nil {
			return err
		}
		for j := range row {
			switch row[j].(type) {
			case nil, op.Unset:
				continue
			}
			if same(before[j], row[j]) {
				continue
			}
			c, err := op.CanonField(s.p.fields[j].in, row[j])
			if err != nil {
				s.failErr(i, s.p.fields[j].f, err)
				c = refused{}
			}
			row[j] = c
		}
	}
	return nil
}

// saveHooked runs the update hooks around the update of one instance.
func (e *engine) saveHooked(ctx context.Context, p *plan, o *op.Op) (after, error) {
	in := o.Instances
	if len(p.hooks.BeforeUpdate) > 0 {
		none := make([]any, len(p.fields))
		before, err := stored(in, 0, none)
		if err != nil {
			return nil, err
		}
		if err := onEach(ctx, p.m, "BeforeUpdate", true, p.hooks.BeforeUpdate, in); err != nil {
			return nil, err
		}
		now, err := stored(in, 0, none)
		if err != nil {
			return nil, err
		}
		withChanges(p, o, changes(p, before, now))
	}
	if err := e.checkSet(p, o); err != nil {
		return nil, err
	}
	if len(p.hooks.AfterUpdate) == 0 {
		return nil, nil
	}
	want := wholeRows(o)
	return func(ctx context.Context, res op.Result) (op.Result, error) {
		rows, err := collect(res.Rows)
		if err != nil {
			return op.Result{}, err
		}
		if len(rows) == 1 {
			if err := in.Load(0, rows[0]); err != nil {
				return op.Result{}, err
			}
			if err := onEach(ctx, p.m, "AfterUpdate", false, p.hooks.AfterUpdate, in); err != nil {
				return op.Result{}, err
			}
		}
		return want.answer(res.N, rows), nil
	}, nil
}

// withChanges has the update write what a hook changed.
func withChanges(p *plan, o *op.Op, changed []op.Assign) {
	if len(changed) > 0 {
		o.Set = merged(p, o.Set, changed)
		o.Kind = op.Update
	}
}

// deleteHooked runs the delete hooks around a delete whose rows are known.
func deleteHooked(ctx context.Context, p *plan, o *op.Op) (after, error) {
	in := o.Instances
	if err := onEach(ctx, p.m, "BeforeDelete", true, p.hooks.BeforeDelete, in); err != nil {
		return nil, err
	}
	returned := op.Op{Sink: o.Sink}
	return func(ctx context.Context, res op.Result) (op.Result, error) {
		res, err := gathered(&returned, res)
		if err != nil || res.N == 0 {
			return res, err
		}
		return res, onEach(ctx, p.m, "AfterDelete", false, p.hooks.AfterDelete, in)
	}, nil
}
