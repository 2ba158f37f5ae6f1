package door

import (
	"encoding/binary"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/wire"
)

// The bounds of statements.
const (
	maxStatements = 1 << 16
	maxName       = 1 << 10
)

// Flags of statements and of their answers.
const (
	runAtomic   = 1 << iota
	runReadOnly // nothing may change
	knownRun    = runAtomic | runReadOnly

	answerQuery = 1
)

// appendRun writes statements: their flags and ID, the names of their arguments,
// then a batch of SQL operations of wire, whose arguments are those without
// names and behind them those with.
func appendRun(b []byte, r *Request) ([]byte, error) {
	var flags byte
	if r.Atomic {
		flags |= runAtomic
	}
	if r.ReadOnly {
		flags |= runReadOnly
	}
	b = append(b, flags)
	b = appendText(b, r.ID)
	b = binary.AppendUvarint(b, uint64(len(r.Statements)))
	batch := op.Op{Kind: op.Batch, Batch: make([]op.Op, len(r.Statements))}
	for i, s := range r.Statements {
		names := slices.Sorted(maps.Keys(s.Named))
		b = binary.AppendUvarint(b, uint64(len(names)))
		args := s.Args
		for _, n := range names {
			b = appendText(b, n)
			args = append(args[:len(args):len(args)], s.Named[n])
		}
		batch.Batch[i] = op.Op{Kind: op.SQL, SQL: s.SQL, Args: args}
	}
	return wire.AppendOp(b, &batch)
}

func parseRun(b []byte) (Request, error) {
	c := cutter{b: b}
	flags := c.byte("the flags of statements")
	r := Request{Atomic: flags&runAtomic != 0, ReadOnly: flags&runReadOnly != 0, ID: c.text("the ID", maxID)}
	n := c.count("the number of statements")
	if n > maxStatements {
		return r, op.Errorf(op.CodeValidation, "%d statements are more than %d at once", n, maxStatements)
	}
	names := make([][]string, n)
	for i := range names {
		names[i] = make([]string, c.count("the number of names"))
		for k := range names[i] {
			names[i][k] = c.text("the name of an argument", maxName)
		}
	}
	if c.err != nil {
		return r, c.err
	}
	if flags&^knownRun != 0 {
		return r, op.Errorf(op.CodeUnsupported, "the statements have flags (%#x) that this node does not know: update this node", flags)
	}
	o, err := wire.DecodeOp(c.b, nil)
	if err != nil {
		return r, err
	}
	if o.Kind != op.Batch || len(o.Batch) != n {
		return r, malformed("%d statements and names for %d", len(o.Batch), n)
	}
	r.Statements = make([]Statement, n)
	for i := range o.Batch {
		s := &o.Batch[i]
		if s.Kind != op.SQL || len(s.Args) < len(names[i]) {
			return r, malformed("statement %d is none", i)
		}
		at := len(s.Args) - len(names[i])
		r.Statements[i] = Statement{SQL: s.SQL, Args: s.Args[:at:at]}
		if len(names[i]) > 0 {
			r.Statements[i].Named = map[string]any{}
		}
		for k, name := range names[i] {
			r.Statements[i].Named[name] = s.Args[at+k]
		}
	}
	return r, nil
}

// appendAnswer writes an answer without its rows, which follow it as those of
// wire when it is one of a query.
func appendAnswer(b []byte, a *Answer) []byte {
	var flags byte
	if a.Query {
		flags |= answerQuery
	}
	b = append(b, flags)
	for _, list := range [][]string{a.Columns, a.Types} {
		b = binary.AppendUvarint(b, uint64(len(list)))
		for _, s := range list {
			b = appendText(b, s)
		}
	}
	b = binary.AppendVarint(b, a.LastID)
	b = binary.AppendVarint(b, a.Changed)
	b = binary.AppendUvarint(b, uint64(max(a.Elapsed, 0)))
	if a.Err == nil {
		return append(b, 0)
	}
	return append(append(b, 1), wire.EncodeError(a.Err)...)
}

func parseAnswer(b []byte) (Answer, error) {
	c := cutter{b: b}
	a := Answer{Query: c.byte("the flags of an answer")&answerQuery != 0}
	for _, list := range []*[]string{&a.Columns, &a.Types} {
		if n := c.count("a list of columns"); n > 0 {
			*list = make([]string, n)
		}
		for i := range *list {
			(*list)[i] = c.text("a column", math.MaxInt32)
		}
	}
	a.LastID, a.Changed = c.int("the last ID"), c.int("the number of changes")
	elapsed := c.uint("the time taken")
	if elapsed > math.MaxInt64 {
		c.fail("the time taken")
	}
	a.Elapsed = time.Duration(elapsed)
	if c.byte("the error") == 0 {
		return a, c.end("an answer")
	}
	if c.err == nil {
		a.Err = wire.DecodeError(c.b)
	}
	return a, c.err
}

func (c *cutter) int(what string) int64 {
	if c.err != nil {
		return 0
	}
	v, n := binary.Varint(c.b)
	if n <= 0 {
		c.fail(what)
		return 0
	}
	c.b = c.b[n:]
	return v
}
