package wire

import (
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// The fields of an operation. Numbers are never used again for something
// else. The first fifteen take one byte.
const (
	opKind = iota + 1
	opModel
	opFilter
	opFields
	opSort
	opLimit
	opSet
	opRows
	opReturning
	opWith
	opVia
	opID
	opUser
	opUsing
	opCheck
	opOffset
	opAfter
	opBefore
	opDistinct
	opLock
	opGroupBy
	opAggs
	opHaving
	opConflict
	opGuards
	opBatch
	opSQL
	opArgs
	opMigration
	opExplain
	opQuiet
	opWithDeleted
	opPurge
	opJoins
)

// The shortest messages of each kind in a list, with their length: what must
// always be there is written even when it is zero.
const (
	minMessage = 1
	minOp      = 3
	minCond    = 3
	minWith    = 3
)

// must writes a number even when it is zero.
func (e *encoder) must(num int, v uint64) {
	e.tag(num, typUint)
	e.uvarint(v)
}

func (e *encoder) mustStr(num int, s string) {
	e.tag(num, typBytes)
	e.text(s)
}

func (e *encoder) op(o *op.Op) {
	if !e.enter() {
		return
	}
	e.must(opKind, uint64(o.Kind))
	e.model(opModel, o.Model)
	e.where = "filter"
	e.cond(opFilter, &o.Filter)
	e.strs(opFields, o.Fields)
	messages(e, opSort, o.Sort, (*encoder).sort)
	e.int(opLimit, int64(o.Limit))
	e.where = "set"
	messages(e, opSet, o.Set, (*encoder).assign)
	e.where = "rows"
	e.rows(opRows, o.Rows)
	e.flag(opReturning, o.Returning)
	e.where = "with"
	messages(e, opWith, o.With, (*encoder).with)
	e.via(o.Via)
	e.str(opID, o.ID)
	e.str(opUser, o.User)
	e.where = "using"
	e.cond(opUsing, &o.Using)
	e.where = "check"
	e.cond(opCheck, &o.Check)
	e.int(opOffset, int64(o.Offset))
	e.where = "cursor"
	e.values(opAfter, o.After)
	e.values(opBefore, o.Before)
	e.flag(opDistinct, o.Distinct)
	e.uint(opLock, uint64(o.Lock))
	e.strs(opGroupBy, o.GroupBy)
	messages(e, opAggs, o.Aggs, (*encoder).agg)
	e.where = "having"
	e.cond(opHaving, &o.Having)
	e.conflict(o.Conflict)
	e.where = "guards"
	messages(e, opGuards, o.Guards, (*encoder).guard)
	e.where = ""
	messages(e, opBatch, o.Batch, (*encoder).op)
	e.str(opSQL, o.SQL)
	e.where = "arguments"
	e.values(opArgs, o.Args)
	e.where = ""
	e.migration(o.Migration)
	e.flag(opExplain, o.Explain)
	e.flag(opQuiet, o.Quiet)
	e.flag(opWithDeleted, o.WithDeleted)
	e.flag(opPurge, o.Purge)
	e.where = "joins"
	messages(e, opJoins, o.Joins, (*encoder).join)
	e.where = ""
	e.leave()
}

func (d *decoder) op(o *op.Op) {
	if !d.enter() {
		return
	}
	defer d.leave()
	there := false
	for f := (field{}); d.next(&f); {
		switch f.num {
		case opKind:
			o.Kind, there = op.Kind(d.enum(&f, "kind of operation", uint8(op.Backup))), true
		case opModel:
			o.Model = d.model(&f)
		case opFilter:
			d.cond(&f, &o.Filter)
		case opFields:
			o.Fields = d.strs(&f)
		case opJoins:
			o.Joins = list(d, &f, minMessage, (*decoder).join)
		case opSort:
			o.Sort = list(d, &f, minMessage, (*decoder).sort)
		case opLimit:
			o.Limit = d.int(&f)
		case opSet:
			o.Set = list(d, &f, minMessage, (*decoder).assign)
		case opRows:
			o.Rows = d.rows(&f)
		case opReturning:
			o.Returning = d.flag(&f)
		case opWith:
			o.With = list(d, &f, minWith, (*decoder).with)
		case opVia:
			o.Via = d.via(&f)
		case opID:
			o.ID = d.str(&f)
		case opUser:
			o.User = d.str(&f)
		case opUsing:
			d.cond(&f, &o.Using)
		case opCheck:
			d.cond(&f, &o.Check)
		case opOffset:
			o.Offset = d.int(&f)
		case opAfter:
			o.After = d.values(&f)
		case opBefore:
			o.Before = d.values(&f)
		case opDistinct:
			o.Distinct = d.flag(&f)
		case opLock:
			o.Lock = op.Lock(d.enum(&f, "lock", uint8(op.ForShare)))
		case opGroupBy:
			o.GroupBy = d.strs(&f)
		case opAggs:
			o.Aggs = list(d, &f, minMessage, (*decoder).agg)
		case opHaving:
			d.cond(&f, &o.Having)
		case opConflict:
			o.Conflict = d.conflict(&f)
		case opGuards:
			o.Guards = list(d, &f, minMessage, (*decoder).guard)
		case opBatch:
			o.Batch = list(d, &f, minOp, (*decoder).op)
		case opSQL:
			o.SQL = d.str(&f)
		case opArgs:
			o.Args = d.values(&f)
		case opMigration:
			o.Migration = d.migration(&f)
		case opQuiet:
			o.Quiet = d.flag(&f)
		case opExplain:
			o.Explain = d.flag(&f)
		case opWithDeleted:
			o.WithDeleted = d.flag(&f)
		case opPurge:
			o.Purge = d.flag(&f)
		default:
			d.unknown(&f)
		}
	}
	if !there {
		d.malformed("an operation without a kind")
	}
}

// model writes a model as its name and table.
func (e *encoder) model(num int, m *schema.Model) {
	if m == nil {
		return
	}
	at := e.open(num)
	e.str(1, m.Name)
	e.str(2, m.Table)
	e.close(at)
}

func (e *encoder) sort(s *op.Sort) {
	e.str(1, s.Field)
	e.strs(2, s.Path)
	e.flag(3, s.Desc)
	e.flag(4, s.Rank)
}

func (d *decoder) sort(s *op.Sort) {
	for f := (field{}); d.next(&f); {
		switch f.num {
		case 1:
			s.Field = d.str(&f)
		case 2:
			s.Path = d.strs(&f)
		case 3:
			s.Desc = d.flag(&f)
		case 4:
			s.Rank = d.flag(&f)
		default:
			d.unknown(&f)
		}
	}
}

func (e *encoder) assign(a *op.Assign) {
	e.str(1, a.Field)
	e.strs(2, a.Path)
	e.flag(3, a.Inc)
	e.any(4, a.Value)
}

func (d *decoder) assign(a *op.Assign) {
	for f := (field{}); d.next(&f); {
		switch f.num {
		case 1:
			a.Field = d.str(&f)
		case 2:
			a.Path = d.strs(&f)
		case 3:
			a.Inc = d.flag(&f)
		case 4:
			a.Value = d.any(&f)
		default:
			d.unknown(&f)
		}
	}
}

func (e *encoder) with(w *op.With) {
	if !e.enter() {
		return
	}
	e.mustStr(1, w.Relation)
	e.cond(2, &w.Filter)
	messages(e, 3, w.Sort, (*encoder).sort)
	e.int(4, int64(w.Limit))
	e.int(5, int64(w.Offset))
	e.strs(6, w.Fields)
	messages(e, 7, w.With, (*encoder).with)
	e.flag(8, w.WithDeleted)
	e.leave()
}

func (d *decoder) with(w *op.With) {
	if !d.enter() {
		return
	}
	defer d.leave()
	there := false
	for f := (field{}); d.next(&f); {
		switch f.num {
		case 1:
			w.Relation, there = d.str(&f), true
		case 2:
			d.cond(&f, &w.Filter)
		case 3:
			w.Sort = list(d, &f, minMessage, (*decoder).sort)
		case 4:
			w.Limit = d.int(&f)
		case 5:
			w.Offset = d.int(&f)
		case 6:
			w.Fields = d.strs(&f)
		case 7:
			w.With = list(d, &f, minWith, (*decoder).with)
		case 8:
			w.WithDeleted = d.flag(&f)
		default:
			d.unknown(&f)
		}
	}
	if !there {
		d.malformed("a relation to load without a name")
	}
}
