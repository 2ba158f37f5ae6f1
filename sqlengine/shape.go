package sqlengine

import (
	"encoding/binary"
	"math/bits"
	"sync"
	"time"
	"unsafe"

	"github.com/shopspring/decimal"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// The shape of an operation is everything that its SQL depends on. Models
// stand in it by address: a plan keeps its models alive, so that no other
// model can get their address while the plan is cached.

func (b *builder) kByte(v byte) { b.key = append(b.key, v) }

func (b *builder) kNum(n int) { b.key = binary.AppendUvarint(b.key, uint64(n)) }

func (b *builder) kText(s string) {
	b.kNum(len(s))
	b.key = append(b.key, s...)
}

func (b *builder) kBool(v bool) {
	if v {
		b.kByte(1)
	} else {
		b.kByte(0)
	}
}

func (b *builder) kModel(m *schema.Model) {
	b.key = binary.LittleEndian.AppendUint64(b.key, uint64(uintptr(unsafe.Pointer(m))))
}

func (b *builder) kTexts(list []string) {
	b.kNum(len(list))
	for _, s := range list {
		b.kText(s)
	}
}

// kValue notes what of a value SQL can depend on: its type, and whether a text
// is empty.
func (b *builder) kValue(v any) {
	switch v := v.(type) {
	case nil:
		b.kByte('n')
	case string:
		if v == "" {
			b.kByte('e')
		} else {
			b.kByte('s')
		}
	case int64, float64, decimal.Decimal:
		b.kByte('d')
	case bool:
		b.kByte('b')
	case time.Time:
		b.kByte('t')
	case []byte:
		b.kByte('x')
	case op.JSON:
		b.kByte('j')
	case op.Unset:
		b.kByte('u')
	default:
		b.kByte('?')
	}
}

// bucket is the length to which a list of n values is padded.
func bucket(n int) int {
	if n <= 1 {
		return n
	}
	return 1 << bits.Len(uint(n-1))
}

func (b *builder) kCond(c *op.Cond) {
	b.kByte(byte(c.Kind))
	switch c.Kind {
	case op.Compare:
		b.kByte(byte(c.Op))
		b.kText(c.Field)
		b.kTexts(c.Path)
		switch c.Op {
		case op.In, op.NotIn:
			b.kList(c)
		case op.Between:
			for _, v := range c.List {
				b.kValue(v)
			}
		case op.StartsWith:
			b.kValue(c.Value)
			s, _ := c.Value.(string)
			_, ends := prefixEnd(s)
			b.kBool(ends)
		default:
			b.kValue(c.Value)
		}
	case op.And, op.Or, op.Not:
		b.kConds(c.Conds)
	case op.Has, op.HasCount:
		b.kText(c.Relation)
		b.kByte(byte(c.Op))
		b.kConds(c.Conds)
		b.kConds(c.Join)
	case op.Match:
		b.kSearch(c)
	}
}

func (b *builder) kConds(list []op.Cond) {
	b.kNum(len(list))
	for i := range list {
		b.kCond(&list[i])
	}
}

func (b *builder) kList(c *op.Cond) {
	if len(c.Path) > 0 { // one comparison a value
		b.kNum(len(c.List))
		for _, v := range c.List {
			b.kValue(v)
		}
		return
	}
	n, null := countList(c.List)
	b.kBool(null)
	if n > b.d.ListArgs {
		b.kByte('J')
		if b.d.ListAll {
			return
		}
	}
	b.kNum(bucket(n))
}

// countList counts the values of a list that are not nil.
func countList(list []any) (n int, null bool) {
	for _, v := range list {
		if v == nil {
			null = true
		} else {
			n++
		}
	}
	return n, null
}

func (b *builder) kSort(sort []op.Sort) {
	b.kNum(len(sort))
	for i := range sort {
		b.kText(sort[i].Field)
		b.kTexts(sort[i].Path)
		b.kBool(sort[i].Desc)
		b.kBool(sort[i].Rank)
	}
}

// plans is a bounded cache of plans by shape.
type plans struct {
	mu sync.RWMutex
	m  map[string]*plan
}

const maxPlans = 4096

func (p *plans) get(key []byte) *plan {
	p.mu.RLock()
	v := p.m[string(key)]
	p.mu.RUnlock()
	return v
}

func (p *plans) put(key []byte, v *plan) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.m == nil || len(p.m) >= maxPlans {
		p.m = make(map[string]*plan)
	}
	p.m[string(key)] = v
}

func (p *plans) clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.m = nil
}
