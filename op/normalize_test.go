package op_test

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
	"pgregory.net/rapid"
)

func deep(n int) op.Cond {
	c := op.Cmp("name", op.Eq, "x")
	for range n {
		c = op.Cond{Kind: op.Not, Conds: []op.Cond{c}}
	}
	return c
}

func TestNormalizeRefuses(t *testing.T) {
	thing, user := models(t)
	find := func(c op.Cond) op.Op { return op.Op{Kind: op.Find, Model: thing, Filter: c} }
	cmp := func(field string, o op.Operator, v any) op.Op { return find(op.Cmp(field, o, v)) }
	list := func(field string, o op.Operator, vs ...any) op.Op {
		return find(op.Cond{Kind: op.Compare, Field: field, Op: o, List: vs})
	}
	set := func(as ...op.Assign) op.Op { return op.Op{Kind: op.Update, Model: thing, Set: as} }
	users := func(rows ...[]any) op.Op { return op.Op{Kind: op.Insert, Model: user, Rows: rows} }
	upsert := func(c *op.Conflict) op.Op { return op.Op{Kind: op.Upsert, Model: thing, Conflict: c} }
	agg := func(by []string, as ...op.Agg) op.Op {
		return op.Op{Kind: op.Aggregate, Model: thing, GroupBy: by, Aggs: as}
	}
	via := func(v op.Via) op.Op { return op.Op{Kind: op.Find, Model: thing, Via: &v} }
	n := op.Agg{Func: op.AggCount, As: "n"}
	for name, c := range map[string]struct {
		op   op.Op
		says string
	}{
		"no kind":             {op.Op{}, "no kind of operation"},
		"no model":            {op.Op{Kind: op.Find}, "needs a model"},
		"model not built":     {op.Op{Kind: op.Find, Model: &schema.Model{Name: "M"}}, "was not built"},
		"unknown field":       {cmp("nmae", op.Eq, 1), "Thing: nmae is not a field; did you mean name? There are id, name, note"},
		"empty name":          {cmp("", op.Eq, 1), "Thing: the empty name is not a field; did you mean id? There are id, name, note"},
		"far from any":        {cmp("zzzzzzzz", op.Eq, 1), "is not a field; there are id"},
		"huge name":           {cmp(strings.Repeat("x", 100), op.Eq, 1), "is not a field"},
		"no operator":         {cmp("name", 0, 1), "0 is no operator"},
		"like on a number":    {cmp("small", op.Like, "1"), `is integer and cannot be compared by "like"; it has =, !=`},
		"contains on text":    {cmp("name", op.Contains, "1"), "contains"},
		"contains on object":  {cmp("profile", op.Contains, "1"), "contains"},
		"JSON field itself":   {cmp("doc", op.Eq, "1"), "a path into it has more, like doc.key"},
		"JSON field in":       {list("doc", op.In, 1), "path"},
		"wrong type":          {cmp("small", op.Eq, "1"), "whole number"},
		"wrong type in list":  {list("small", op.In, 1, "1"), "whole number"},
		"wrong type at path":  {cmp("doc.a", op.Eq, []int{1}), "a place in JSON"},
		"bad text at path":    {cmp("doc.a", op.Eq, "\xff"), "UTF-8"},
		"path into text":      {cmp("name.a", op.Eq, "1"), "only JSON fields have"},
		"empty step":          {cmp("doc.a..b", op.Eq, "1"), "an empty step"},
		"long path":           {find(op.Cond{Kind: op.Compare, Field: "doc", Path: slices.Repeat([]string{"a"}, 101), Op: op.Eq}), "at most 100"},
		"between one":         {list("small", op.Between, 1), "between takes two values, not 1"},
		"no kind of cond":     {find(op.Cond{Kind: 99}), "no kind of condition"},
		"not of two":          {find(op.Cond{Kind: op.Not, Conds: make([]op.Cond, 2)}), "not takes one"},
		"too deep":            {find(deep(300)), "deeper than 200"},
		"nested fault":        {find(deep(100).Conds[0]), ""},
		"using":               {op.Op{Kind: op.Find, Model: thing, Using: op.Cmp("x", op.Eq, 1)}, "not a field"},
		"check":               {op.Op{Kind: op.Insert, Model: thing, Check: op.Cmp("x", op.Eq, 1)}, "not a field"},
		"has unknown":         {find(op.Cond{Kind: op.Has, Relation: "usr"}), "did you mean user? There are user, labels"},
		"has inner":           {find(op.Cond{Kind: op.Has, Relation: "user", Conds: []op.Cond{op.Cmp("small", op.Eq, 1)}}), "User: small is not a field"},
		"has count operator":  {find(op.Cond{Kind: op.HasCount, Relation: "user", Op: op.Like}), "= != < <= > >="},
		"match value":         {find(op.Cond{Kind: op.Match, Value: 5}), "needs a text"},
		"match bad text":      {find(op.Cond{Kind: op.Match, Value: "\x00"}), "NUL"},
		"match field":         {find(op.Cond{Kind: op.Match, Value: "x", Fields: []string{"small"}}), "small is not a search field (tag weft:\"search\"); there are name, note"},
		"match many words":    {find(op.Cond{Kind: op.Match, Value: manyWords(101)}), "has 101 different words; it may have 100"},
		"match unknown":       {find(op.Cond{Kind: op.Match, Value: "x", Fields: []string{"zz"}}), "not a field"},
		"match none":          {op.Op{Kind: op.Find, Model: user, Filter: op.Cond{Kind: op.Match, Value: "x"}}, "no search fields"},
		"fields":              {op.Op{Kind: op.Find, Model: thing, Fields: []string{"nope"}}, "not a field"},
		"sort":                {op.Op{Kind: op.Find, Model: thing, Sort: []op.Sort{{Field: "nope"}}}, "not a field"},
		"rank of nothing":     {op.Op{Kind: op.Find, Model: thing, Sort: []op.Sort{{Rank: true}}}, "needs a Match"},
		"rank of not":         {op.Op{Kind: op.Find, Model: thing, Filter: op.Cond{Kind: op.Not, Conds: []op.Cond{search("x")}}, Sort: []op.Sort{{Rank: true}}}, "needs a Match"},
		"rank of a field":     {op.Op{Kind: op.Find, Model: thing, Filter: search("x"), Sort: []op.Sort{{Field: "name", Rank: true}}}, "not by both"},
		"rank of groups":      {op.Op{Kind: op.Aggregate, Model: thing, Filter: search("x"), GroupBy: []string{"name"}, Sort: []op.Sort{{Rank: true}}}, "groups of Thing have no rank"},
		"rank and distinct":   {op.Op{Kind: op.Find, Model: thing, Filter: search("x"), Fields: []string{"name"}, Distinct: true, Sort: []op.Sort{{Rank: true}}}, "not by rank"},
		"rank and cursor":     {op.Op{Kind: op.Find, Model: thing, Filter: search("x"), Sort: []op.Sort{{Rank: true}}, After: []any{int64(1)}}, "by limit and offset"},
		"rank of relation":    {op.Op{Kind: op.Find, Model: thing, Filter: search("x"), With: []op.With{{Relation: "user", Sort: []op.Sort{{Rank: true}}}}}, "needs a Match"},
		"sort JSON":           {op.Op{Kind: op.Find, Model: thing, Sort: []op.Sort{{Field: "doc"}}}, "like doc.key"},
		"limit":               {op.Op{Kind: op.Find, Model: thing, Limit: -1}, "negative"},
		"offset":              {op.Op{Kind: op.Find, Model: thing, Offset: -1}, "negative"},
		"lock":                {op.Op{Kind: op.Find, Model: thing, Lock: 99}, "no kind of lock"},
		"cursor length":       {op.Op{Kind: op.Find, Model: thing, Sort: []op.Sort{{Field: "id"}}, After: []any{1, 2}}, "cursor has 2 values"},
		"cursor value":        {op.Op{Kind: op.Find, Model: thing, Sort: []op.Sort{{Field: "small"}}, Before: []any{"x"}}, "whole number"},
		"cursor path":         {op.Op{Kind: op.Find, Model: thing, Sort: []op.Sort{{Field: "doc.a"}}, After: []any{"x"}}, "path into JSON"},
		"two cursors":         {op.Op{Kind: op.Find, Model: thing, Sort: []op.Sort{{Field: "id"}}, After: []any{"x"}, Before: []any{"x"}}, "together"},
		"distinct sort":       {op.Op{Kind: op.Find, Model: thing, Distinct: true, Fields: []string{"name"}, Sort: []op.Sort{{Field: "id"}}}, "sorted by the fields asked for"},
		"with unknown":        {op.Op{Kind: op.Find, Model: thing, With: []op.With{{Relation: "x"}}}, "not a relation"},
		"with filter":         {op.Op{Kind: op.Find, Model: thing, With: []op.With{{Relation: "user", Filter: op.Cmp("small", op.Eq, 1)}}}, "User: small"},
		"with sort":           {op.Op{Kind: op.Find, Model: thing, With: []op.With{{Relation: "user", Sort: []op.Sort{{Field: "small"}}}}}, "User: small"},
		"with fields":         {op.Op{Kind: op.Find, Model: thing, With: []op.With{{Relation: "user", Fields: []string{"small"}}}}, "User: small"},
		"with nested":         {op.Op{Kind: op.Find, Model: thing, With: []op.With{{Relation: "user", With: []op.With{{Relation: "user"}}}}}, "User: user is not a relation; there are things"},
		"with limit":          {op.Op{Kind: op.Find, Model: thing, With: []op.With{{Relation: "user", Limit: -1}}}, "negative"},
		"count in filter":     {op.Op{Kind: op.Find, Model: user, Filter: op.Cmp("thingsCount", op.Gt, 1)}, `thingsCount is a count, which With loads and nothing stores; HasCount("things", …) compares the number`},
		"count in sort":       {op.Op{Kind: op.Find, Model: user, Sort: []op.Sort{{Field: "ThingsCount"}}}, "is a count"},
		"count in fields":     {op.Op{Kind: op.Find, Model: user, Fields: []string{"thingsCount"}}, "is a count"},
		"count in set":        {op.Op{Kind: op.Update, Model: user, Set: []op.Assign{{Field: "thingsCount", Value: 1}}}, "is a count"},
		"count in increment":  {op.Op{Kind: op.Increment, Model: user, Set: []op.Assign{{Field: "thingsCount", Inc: true, Value: 1}}}, "is a count"},
		"count summed":        {op.Op{Kind: op.Aggregate, Model: user, Aggs: []op.Agg{{Func: op.AggSum, Field: "thingsCount", As: "s"}}}, "is a count"},
		"count grouped":       {op.Op{Kind: op.Aggregate, Model: user, GroupBy: []string{"thingsCount"}}, "is a count"},
		"count as relation":   {op.Op{Kind: op.Find, Model: user, Filter: op.Cond{Kind: op.Has, Relation: "thingsCount"}}, "is not a relation: it counts things, which is one"},
		"count with limit":    {op.Op{Kind: op.Find, Model: user, With: []op.With{{Relation: "thingsCount", Limit: 1}}}, "it has no order, limit, fields or relations"},
		"count with order":    {op.Op{Kind: op.Find, Model: user, With: []op.With{{Relation: "thingsCount", Sort: []op.Sort{{Field: "id"}}}}}, "is a number"},
		"count with filter":   {op.Op{Kind: op.Find, Model: user, With: []op.With{{Relation: "thingsCount", Filter: op.Cmp("age", op.Eq, 1)}}}, "Thing: age is not a field"},
		"via grouped limit":   {op.Op{Kind: op.Aggregate, Model: thing, Aggs: []op.Agg{{Func: op.AggCount, As: "n"}}, Limit: 1, Via: &op.Via{Model: user, Relation: "things"}}, "no limit and no offset"},
		"via grouped offset":  {op.Op{Kind: op.Aggregate, Model: thing, Aggs: []op.Agg{{Func: op.AggCount, As: "n"}}, Via: &op.Via{Model: user, Relation: "things", Offset: 1}}, "no limit and no offset"},
		"via grouped key":     {op.Op{Kind: op.Aggregate, Model: thing, Aggs: []op.Agg{{Func: op.AggCount, As: "n"}}, Via: &op.Via{Model: user, Relation: "things", Keys: [][]any{{5}}}}, "takes text"},
		"via kind":            {op.Op{Kind: op.Count, Model: thing, Via: &op.Via{Model: user, Relation: "things"}}, "find and aggregate only"},
		"via model":           {via(op.Via{Relation: "things"}), "via needs"},
		"via relation":        {via(op.Via{Model: user, Relation: "x"}), "not a relation"},
		"via target":          {via(op.Via{Model: thing, Relation: "user"}), "leads to User"},
		"via key width":       {via(op.Via{Model: user, Relation: "things", Keys: [][]any{{"a", "b"}}}), "has 1 values, not 2"},
		"via key null":        {via(op.Via{Model: user, Relation: "things", Keys: [][]any{{nil}}}), "must not be null"},
		"via key type":        {via(op.Via{Model: user, Relation: "things", Keys: [][]any{{5}}}), "takes text"},
		"via limit":           {via(op.Via{Model: user, Relation: "things", Limit: -1}), "negative"},
		"via with limit":      {op.Op{Kind: op.Find, Model: thing, Limit: 1, Via: &op.Via{Model: user, Relation: "things"}}, "per parent"},
		"set nothing":         {set(), "nothing to set"},
		"set unknown":         {set(op.Assign{Field: "x"}), "not a field"},
		"set null":            {set(op.Assign{Field: "name"}), "must not be null"},
		"set version":         {set(op.Assign{Field: "version", Value: 1}), "kept by the engine"},
		"set twice":           {set(op.Assign{Field: "small", Value: 1}, op.Assign{Field: "small", Value: 2}), "set twice"},
		"set field and path":  {set(op.Assign{Field: "doc", Value: 1}, op.Assign{Field: "doc.a", Value: 2}), "set twice"},
		"set path twice":      {set(op.Assign{Field: "doc.a", Value: 1}, op.Assign{Field: "doc.a", Value: 2}), "set twice"},
		"set path bad":        {set(op.Assign{Field: "doc.a", Value: make(chan int)}), "cannot be stored"},
		"set path bad JSON":   {set(op.Assign{Field: "doc.a", Value: op.JSON("{")}), "invalid JSON"},
		"inc text":            {set(op.Assign{Field: "name", Inc: true, Value: 1}), "cannot be incremented"},
		"inc path":            {set(op.Assign{Field: "doc.a", Inc: true, Value: 1}), "cannot be incremented"},
		"inc null":            {set(op.Assign{Field: "small", Inc: true}), "must not be null"},
		"inc kind":            {set(op.Assign{Field: "small", Inc: true, Value: 1.5}), "whole number"},
		"inc scale":           {set(op.Assign{Field: "price", Inc: true, Value: "0.001"}), "at most 2 decimals"},
		"increment replaces":  {op.Op{Kind: op.Increment, Model: thing, Set: []op.Assign{{Field: "small", Value: 1}}}, "cannot replace"},
		"row width":           {users([]any{"a"}), "a row of User has 3 values and not 1"},
		"row value":           {users([]any{"a", 5, nil}), "User: name"},
		"row of many":         {users([]any{"a", "b", 1}, []any{"b", "b", "x"}), "User: [1] age"},
		"row width of many":   {users([]any{"a", "b", 1}, []any{"b"}), "[1] a row of User"},
		"row null":            {users([]any{nil, "b", 1}), "id must not be null"},
		"upsert nothing":      {upsert(nil), "must say what happens"},
		"upsert not unique":   {upsert(&op.Conflict{Fields: []string{"note"}}), "must be the key or have a unique index"},
		"upsert partial":      {upsert(&op.Conflict{Fields: []string{"small"}}), "must be the key or have a unique index"},
		"upsert half":         {upsert(&op.Conflict{Fields: []string{"day"}}), "unique index"},
		"upsert unnamed":      {upsert(&op.Conflict{Update: []string{"note"}}), "must name the unique fields"},
		"upsert field":        {upsert(&op.Conflict{Fields: []string{"x"}}), "not a field"},
		"upsert update":       {upsert(&op.Conflict{Fields: []string{"id"}, Update: []string{"x"}}), "not a field"},
		"upsert version":      {upsert(&op.Conflict{Fields: []string{"id"}, Update: []string{"version"}}), "kept by the engine"},
		"upsert twice":        {upsert(&op.Conflict{Fields: []string{"id"}, Update: []string{"note", "note"}}), "set twice"},
		"upsert set":          {upsert(&op.Conflict{Fields: []string{"id"}, Set: []op.Assign{{Field: "x"}}}), "not a field"},
		"upsert set twice":    {upsert(&op.Conflict{Fields: []string{"id"}, Update: []string{"note"}, Set: []op.Assign{{Field: "note", Value: "x"}}}), "set twice"},
		"agg nothing":         {agg(nil), "needs fields to group by"},
		"agg limit":           {op.Op{Kind: op.Aggregate, Model: thing, Aggs: []op.Agg{n}, Limit: -1}, "negative"},
		"agg group":           {agg([]string{"x"}), "not a field"},
		"agg group JSON":      {agg([]string{"doc"}), "cannot be grouped"},
		"agg group twice":     {agg([]string{"name", "Name"}), "twice"},
		"agg func":            {agg(nil, op.Agg{As: "n"}), "no aggregate function"},
		"agg no field":        {agg(nil, op.Agg{Func: op.AggSum, As: "n"}), "needs a field"},
		"agg unknown":         {agg(nil, op.Agg{Func: op.AggSum, Field: "x", As: "n"}), "not a field"},
		"agg sum of text":     {agg(nil, op.Agg{Func: op.AggSum, Field: "name", As: "n"}), "only numbers"},
		"agg max of JSON":     {agg(nil, op.Agg{Func: op.AggMax, Field: "doc", As: "n"}), "counted only"},
		"agg max of bytes":    {agg(nil, op.Agg{Func: op.AggMax, Field: "raw", As: "n"}), "binary"},
		"agg no name":         {agg(nil, op.Agg{Func: op.AggCount}), "empty or taken"},
		"agg same name":       {agg([]string{"name"}, op.Agg{Func: op.AggCount, As: "name"}), "empty or taken"},
		"having":              {op.Op{Kind: op.Aggregate, Model: thing, Aggs: []op.Agg{n}, Having: op.Cmp("small", op.Gt, 1)}, "not a column of the result; there are n"},
		"having relation":     {op.Op{Kind: op.Aggregate, Model: thing, Aggs: []op.Agg{n}, Having: op.Cond{Kind: op.Has, Relation: "user"}}, "no relations"},
		"agg sort":            {op.Op{Kind: op.Aggregate, Model: thing, Aggs: []op.Agg{n}, Sort: []op.Sort{{Field: "id"}}}, "not a column"},
		"guard model":         {op.Op{Kind: op.Batch, Guards: []op.Guard{{Kind: op.GuardMust}}}, "guard 0 needs a model"},
		"guard kind":          {op.Op{Kind: op.Find, Model: thing, Guards: []op.Guard{{Model: thing}}}, "no kind of guard"},
		"guard filter":        {op.Op{Kind: op.Find, Model: thing, Guards: []op.Guard{{Kind: op.GuardMust, Model: thing, Filter: op.Cmp("x", op.Eq, 1)}}}, "not a field"},
		"guard must":          {op.Op{Kind: op.Find, Model: thing, Guards: []op.Guard{{Kind: op.GuardMust, Model: thing, Must: op.Cmp("x", op.Eq, 1)}}}, "not a field"},
		"batch in batch":      {op.Op{Kind: op.Batch, Batch: []op.Op{{Kind: op.Batch}}}, "batch: [0] batch cannot be part"},
		"batch member":        {op.Op{Kind: op.Batch, Batch: []op.Op{cmp("id", op.Eq, "x"), cmp("x", op.Eq, 1)}}, "batch: [1] Thing: x is not a field"},
		"empty SQL":           {op.Op{Kind: op.SQL}, "the SQL is empty"},
		"SQL argument":        {op.Op{Kind: op.SQL, SQL: "x", Args: []any{1, "\xff"}}, "argument 2"},
		"migrate":             {op.Op{Kind: op.Migrate, Migration: &op.Migration{}}, "needs its models"},
		"between text on any": {cmp("any", op.Contains, 1), "contains"},
	} {
		o := c.op
		err := op.Normalize(&o)
		if c.says == "" {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if !errors.Is(err, op.ErrValidation) || op.CodeOf(err) != op.CodeValidation || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v; want %q", name, err, c.says)
		}
	}
}

func TestNormalize(t *testing.T) {
	thing, user := models(t)
	one := func(c op.Cond) op.Cond {
		return normalized(t, op.Op{Kind: op.Find, Model: thing, Filter: c}).Filter
	}
	for _, c := range []struct{ in, want op.Cond }{
		{op.Cmp("ID", op.Eq, named("x")), op.Cmp("id", op.Eq, "x")},
		{op.Cmp("profile.city.0", op.Eq, 1.0), op.Cond{Kind: op.Compare, Field: "profile", Path: []string{"city", "0"}, Op: op.Eq, Value: int64(1)}},
		{op.Cmp("doc.a", op.Gt, op.JSON(`"x"`)), op.Cond{Kind: op.Compare, Field: "doc", Path: []string{"a"}, Op: op.Gt, Value: "x"}},
		{op.Cmp("name", op.In, []string{"a", "b"}), op.Cond{Kind: op.Compare, Field: "name", Op: op.In, List: []any{"a", "b"}}},
		{op.Cmp("small", op.NotIn, 5), op.Cond{Kind: op.Compare, Field: "small", Op: op.NotIn, List: []any{int64(5)}}},
		{op.Cmp("small", op.Between, [](*int){ptr(1), nil}), op.Cond{Kind: op.Compare, Field: "small", Op: op.Between, List: []any{int64(1), nil}}},
		{op.Cmp("color", op.Eq, "blue"), op.Cmp("color", op.Eq, "blue")},
		{op.Cmp("small", op.Lt, int64(1)<<40), op.Cmp("small", op.Lt, int64(1)<<40)},
		{op.Cmp("count", op.Gt, -1), op.Cmp("count", op.Gt, int64(-1))},
		{op.Cmp("small", op.Lt, nil), op.Cmp("small", op.Lt, nil)},
		{op.Cmp("doc", op.Eq, nil), op.Cmp("doc", op.Eq, nil)},
		{op.Cmp("clock", op.Like, "07:"), op.Cmp("clock", op.Like, "07:")},
		{op.Cmp("name", op.StartsWith, named("x")), op.Cmp("name", op.StartsWith, "x")},
		{op.Cmp("tags", op.Contains, level(3)), op.Cmp("tags", op.Contains, int64(3))},
		{op.Cmp("doc.list", op.Contains, "x"), op.Cond{Kind: op.Compare, Field: "doc", Path: []string{"list"}, Op: op.Contains, Value: "x"}},
		{
			op.Cond{Kind: op.Has, Relation: "User", Conds: []op.Cond{op.Cmp("ID", op.Eq, "x")}},
			op.Cond{Kind: op.Has, Relation: "user", Target: user, Conds: []op.Cond{op.Cmp("id", op.Eq, "x")}},
		},
		{op.Cond{Kind: op.Match, Value: "x", Fields: []string{"Name"}}, op.Cond{Kind: op.Match, Value: "x", Fields: []string{"name"}}},
	} {
		if got := one(c.in); !reflect.DeepEqual(got, c.want) {
			t.Errorf("got  %#v\nwant %#v", got, c.want)
		}
	}
	if got := one(op.Cmp("price", op.Eq, "1.23456789")).Value; !same(got, dec("1.23456789")) {
		t.Errorf("a decimal in a condition lost digits: %v", got)
	}
	o := normalized(t, op.Op{Kind: op.Update, Model: thing, Set: []op.Assign{
		{Field: "Name", Value: named("x")},
		{Field: "doc.a", Value: "Oslo"},
		{Field: "doc.b"},
		{Field: "profile.c", Value: shape{1, 2}},
		{Field: "price", Inc: true, Value: "999999.5"},
		{Field: "small", Inc: true, Value: 1 << 40},
	}})
	want := []op.Assign{
		{Field: "name", Value: "x"},
		{Field: "doc", Path: []string{"a"}, Value: op.JSON(`"Oslo"`)},
		{Field: "doc", Path: []string{"b"}, Value: op.JSON("null")},
		{Field: "profile", Path: []string{"c"}, Value: op.JSON(`{"A":2,"B":1}`)},
		{Field: "price", Inc: true, Value: dec("999999.50")},
		{Field: "small", Inc: true, Value: int64(1) << 40},
	}
	if !reflect.DeepEqual(o.Set, want) {
		t.Errorf("Set is %v", o.Set)
	}
	o = normalized(t, op.Op{Kind: op.Upsert, Model: thing, Conflict: &op.Conflict{Fields: []string{"color", "day"}, Update: []string{"UserID"}}})
	if o.Conflict.Update[0] != "userId" {
		t.Errorf("Conflict is %v", o.Conflict)
	}
	o = normalized(t, op.Op{
		Kind: op.Aggregate, Model: thing, GroupBy: []string{"UserID"}, Aggs: []op.Agg{{Func: op.AggSum, Field: "small", As: "total"}, {Func: op.AggMin, Field: "Name", As: "first"}},
		Having: op.Cond{Kind: op.And, Conds: []op.Cond{op.Cmp("total", op.Gt, 1<<40), op.Cmp("UserID", op.Ne, nil)}}, Sort: []op.Sort{{Field: "UserID"}, {Field: "first"}},
	})
	if o.GroupBy[0] != "userId" || o.Aggs[1].Field != "name" || o.Having.Conds[0].Value != int64(1<<40) || o.Having.Conds[1].Field != "userId" || o.Sort[0].Field != "userId" {
		t.Errorf("the aggregate is %+v", o)
	}
	if cols := op.ResultColumns(&o); cols[1].Type != schema.BigInteger || cols[2].Type != schema.String {
		t.Errorf("columns are %v %v", cols[1], cols[2])
	}
	o = normalized(t, op.Op{Kind: op.Find, Model: thing, Via: &op.Via{Model: user, Relation: "Things", Keys: [][]any{{named("u")}}}, Fields: []string{}})
	if o.Via.Relation != "things" || o.Via.Keys[0][0] != "u" || o.Fields != nil {
		t.Errorf("via is %+v", o.Via)
	}
	o = normalized(t, op.Op{Kind: op.SQL, SQL: "x", Args: []any{5, named("x"), []byte{1}, at("2024-01-01T00:00:00Z")}})
	if o.Args[0] != int64(5) || o.Args[1] != "x" {
		t.Errorf("args are %v", o.Args)
	}
	for _, k := range []op.Kind{op.Backup, op.Delete, op.Watch} {
		normalized(t, op.Op{Kind: k, Model: thing})
	}
	normalized(t, op.Op{Kind: op.Migrate, Migration: &op.Migration{Models: thing.Set()}})
}

// Normalize must not write to what the operation shares with a query that is
// used again, perhaps at the same time.
func TestNormalizeLeavesSharedMemoryAlone(t *testing.T) {
	thing, user := models(t)
	make := func() op.Op {
		return op.Op{
			Kind: op.Find, Model: thing,
			Filter: op.Cond{Kind: op.And, Conds: []op.Cond{
				op.Cmp("ID", op.Eq, named("x")),
				{Kind: op.Or, Conds: []op.Cond{{Kind: op.Has, Relation: "User", Conds: []op.Cond{op.Cmp("ID", op.In, []string{"a"})}}}},
				{Kind: op.Compare, Field: "small", Op: op.In, List: []any{1, 2}},
				{Kind: op.Match, Value: "x", Fields: []string{"Name"}},
			}},
			Fields: []string{"id", "Name"}, Sort: []op.Sort{{Field: "ID"}, {Field: "doc.a"}}[:1], After: []any{named("x")},
			With:   []op.With{{Relation: "User", Filter: op.Cmp("ID", op.Eq, "x"), Sort: []op.Sort{{Field: "ID"}}, Fields: []string{"ID"}, With: []op.With{{Relation: "Things"}}}},
			Guards: []op.Guard{{Kind: op.GuardMust, Model: user, Filter: op.Cmp("ID", op.Eq, "x")}},
		}
	}
	more := []func() op.Op{
		make,
		func() op.Op {
			return op.Op{Kind: op.Update, Model: thing, Set: []op.Assign{{Field: "doc.a", Value: 1}, {Field: "Name", Value: named("x")}}}
		},
		func() op.Op {
			return op.Op{Kind: op.Insert, Model: user, Rows: [][]any{{"a", "b", int64(1)}, {named("a"), nil, 5}}}
		},
		func() op.Op {
			return op.Op{Kind: op.Upsert, Model: thing, Conflict: &op.Conflict{Fields: []string{"ID"}, Update: []string{"UserID"}, Set: []op.Assign{{Field: "doc.a", Value: 1}}}}
		},
		func() op.Op {
			return op.Op{Kind: op.Aggregate, Model: thing, GroupBy: []string{"UserID"}, Aggs: []op.Agg{{Func: op.AggMax, Field: "Name", As: "n"}}}
		},
		func() op.Op {
			return op.Op{Kind: op.Find, Model: thing, Via: &op.Via{Model: user, Relation: "Things", Keys: [][]any{{named("u")}}}}
		},
		func() op.Op { return op.Op{Kind: op.SQL, SQL: "x", Args: []any{5}} },
		func() op.Op { return op.Op{Kind: op.Batch, Batch: []op.Op{make()}} },
	}
	for i, fn := range more {
		o, before := fn(), fn()
		shared := o
		normalized(t, o)
		if !reflect.DeepEqual(shared, before) {
			t.Errorf("operation %d was changed:\n%+v\n%+v", i, shared, before)
		}
	}
}

// randomCond draws conditions that mostly are right.
func randomCond(m *schema.Model, depth int) *rapid.Generator[op.Cond] {
	leaf := rapid.Custom(func(t *rapid.T) op.Cond {
		f := rapid.SampledFrom(m.Fields).Draw(t, "field")
		name := rapid.SampledFrom([]string{f.Name, f.Name + ".a", f.GoName}).Draw(t, "name")
		return op.Cond{
			Kind: op.Compare, Field: name, Op: op.Operator(rapid.IntRange(1, 15).Draw(t, "operator")),
			Value: anyValue().Draw(t, "value"), List: rapid.SliceOfN(anyValue(), 0, 2).Draw(t, "list"),
		}
	})
	if depth == 0 {
		return leaf
	}
	inner := randomCond(m, depth-1)
	return rapid.OneOf(leaf, rapid.Custom(func(t *rapid.T) op.Cond {
		kind := rapid.SampledFrom([]op.CondKind{op.And, op.Or, op.Not, op.True, op.False}).Draw(t, "kind")
		return op.Cond{Kind: kind, Conds: rapid.SliceOfN(inner, 1, 3).Draw(t, "conds")}
	}))
}

func TestNormalizeIsIdempotent(t *testing.T) {
	thing, _ := models(t)
	worked := 0
	rapid.Check(t, func(t *rapid.T) {
		o := op.Op{Kind: op.Find, Model: thing, Filter: randomCond(thing, 2).Draw(t, "filter")}
		if err := op.Normalize(&o); err != nil {
			if !errors.Is(err, op.ErrValidation) {
				t.Fatal(err)
			}
			return
		}
		worked++
		again := o
		if err := op.Normalize(&again); err != nil || !reflect.DeepEqual(o, again) {
			t.Fatalf("%v\nfirst  %#v\nsecond %#v", err, o.Filter, again.Filter)
		}
		// Of the mean over many runs: the count is the whole process's, and the
		// runtime's own goroutines allocate now and then.
		if n := testing.AllocsPerRun(100, func() { _ = op.Normalize(&again) }); n > 0 && !hasDecimal(o.Filter) {
			t.Fatalf("%v allocations for %#v", n, again.Filter)
		}
	})
	if worked == 0 {
		t.Error("no condition was right")
	}
}

// hasDecimal excepts decimals at a path, which are looked at again.
func hasDecimal(c op.Cond) bool {
	return slices.ContainsFunc(c.Conds, hasDecimal) || len(c.Path) > 0 || c.Op == op.Eq || c.Op == op.Ne || c.Op == op.Contains
}

func TestNormalizeCountsAndAggregatesVia(t *testing.T) {
	thing, user := models(t)
	o := normalized(t, op.Op{Kind: op.Find, Model: user, With: []op.With{{Relation: "ThingsCount", Filter: op.Cmp("small", op.Eq, 3)}}})
	if w := o.With[0]; w.Relation != "thingsCount" || w.Filter.Value != int64(3) {
		t.Errorf("got %+v", w)
	}
	keys := [][]any{{"U1"}}
	o = normalized(t, op.Op{
		Kind: op.Aggregate, Model: thing, Aggs: []op.Agg{{Func: op.AggCount, As: "n"}},
		Via: &op.Via{Model: user, Relation: "Things", Keys: keys},
	})
	if o.Via.Relation != "things" || len(op.ResultColumns(&o)) != 1 {
		t.Errorf("got %+v", o.Via)
	}
}

func TestNormalizeTimesOfDayWithoutAllocation(t *testing.T) {
	thing, _ := models(t)
	o := normalized(t, op.Op{Kind: op.Find, Model: thing, Filter: op.Cmp("clock", op.Lt, "07:08:09.12")})
	if n := testing.AllocsPerRun(100, func() { _ = op.Normalize(&o) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
