package weft

import (
	"fmt"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// Key writes a key of any shape as the string that Get, Find, Update and Delete
// take: Key(42), Key(orderID, line). A single string is its own key.
func Key(parts ...any) string {
	canon := make([]any, len(parts))
	for i, p := range parts {
		v, err := op.Canon(p)
		if err != nil {
			v = fmt.Sprint(p)
		}
		canon[i] = v
	}
	return op.Key(canon...)
}

// rowCond is the condition that finds the row with these key values.
func rowCond(m *schema.Model, key []any) op.Cond {
	if len(key) == 1 {
		return op.Cmp(m.Primary[0].Name, op.Eq, key[0])
	}
	conds := make([]op.Cond, len(key))
	for i, f := range m.Primary {
		conds[i] = op.Cmp(f.Name, op.Eq, key[i])
	}
	return op.AllOf(conds...)
}
