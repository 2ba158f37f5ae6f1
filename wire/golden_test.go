package wire

import (
	"bytes"
	"context"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"github.com/weftdb/weft/op"
)

var update = flag.Bool("update", false, "write the golden files of the current version anew")

// golden is one message and its file. Files of an earlier version are never
// written again: what they hold must stay readable.
type golden struct {
	name, about string
	encode      func() ([]byte, error)
	// check decodes data and fails when it is not what was encoded.
	check func(t *testing.T, data []byte)
}

func goldenOp(name, about string, o op.Op) golden {
	return golden{
		name, about,
		func() ([]byte, error) { return EncodeOp(&o) },
		func(t *testing.T, data []byte) {
			got, err := DecodeOp(data, testSet.Model)
			if err != nil {
				t.Fatal(err)
			}
			sameModels(t, &got, &o)
			if !reflect.DeepEqual(got, o) {
				t.Fatalf("got %+v, want %+v", got, o)
			}
		},
	}
}

func goldenError(name, about string, want error) golden {
	return golden{
		name, about,
		func() ([]byte, error) { return EncodeError(want), nil },
		func(t *testing.T, data []byte) {
			if got := DecodeError(data); !reflect.DeepEqual(got, want) {
				t.Fatalf("got %#v, want %#v", got, want)
			}
		},
	}
}

func goldenResult(name, about string, make func() op.Result) golden {
	return golden{
		name, about,
		func() ([]byte, error) { return EncodeResult(make()) },
		func(t *testing.T, data []byte) {
			got, err := DecodeResult(data, testSet.Model)
			if err != nil {
				t.Fatal(err)
			}
			sameResult(t, got, make())
		},
	}
}

func goldens() []golden {
	at := time.Date(2024, 2, 29, 23, 59, 59, 999_999_000, time.UTC)
	user := testSet.Model("User")
	invalid := op.Invalid("Post", "title", "required", "is required")
	invalid.Add(op.Failure{Field: "likes", Rule: "min", Param: "0", Message: "must be 0 or more"})
	values := []any{
		nil, true, false, int64(-1), int64(-1 << 63), int64(1<<63 - 1), 0.1, "naïve ☃",
		[]byte{0, 255},
		at,
		decimal.RequireFromString("-12345678901234567890.10"), op.JSON(`{"a":1}`),
		op.Unset{},
	}
	rows := [][]any{values, append([]any{&op.Related{Model: user, Fields: []string{"id"}, Rows: [][]any{{"u1"}}}}, values[1:]...)}
	caps := op.Caps{Engine: "mem", Flags: op.CapTransactions | op.CapBackup, Layers: []string{"validate"}}
	return []golden{
		goldenOp("op-get", "find Post by id, the shortest find", op.Op{Kind: op.Find, Model: post(), Filter: op.Cmp("id", op.Eq, "p1"), Limit: 1}),
		goldenOp("op-find", "find Post by every part a find has", op.Op{
			Kind: op.Find, ID: "op-1", User: "u1", Model: post(),
			Filter: op.Cond{Kind: op.And, Conds: []op.Cond{
				{Kind: op.Or, Conds: []op.Cond{op.Cmp("title", op.Like, "x"), {Kind: op.Not, Conds: []op.Cond{{Kind: op.Compare, Field: "likes", Op: op.Between, List: []any{int64(1), int64(9)}}}}}},
				{Kind: op.Compare, Field: "data", Path: []string{"a", "0"}, Op: op.In, List: []any{"b", nil}},
				{Kind: op.HasCount, Relation: "author", Target: user, Op: op.Ge, N: 1, Conds: []op.Cond{op.Cmp("name", op.NotNull, nil)}},
				{Kind: op.Match, Value: "words", Fields: []string{"title"}},
			}},
			Using: op.Cmp("userId", op.Eq, "u1"), Check: op.Cond{Kind: op.False},
			Fields: []string{"id", "price"}, Sort: []op.Sort{{Field: "price", Desc: true}, {Field: "data", Path: []string{"a"}}},
			Limit: 20, Offset: 40, After: []any{decimal.RequireFromString("1.50"), "p1"}, Before: []any{}, Distinct: true,
			With: []op.With{{Relation: "author", Filter: op.Cmp("name", op.Ne, "x"), Sort: []op.Sort{{Field: "name"}}, Limit: 3, Offset: 1, Fields: []string{"id"}, With: []op.With{{Relation: "posts"}}}},
			Via:  &op.Via{Model: user, Relation: "posts", Keys: [][]any{{"u1"}, {"u2"}}, Limit: 2, Offset: 1},
			Lock: op.ForUpdateSkipLocked, Explain: true,
		}),
		goldenOp("op-aggregate", "sums of likes by userId", op.Op{
			Kind: op.Aggregate, Model: post(), GroupBy: []string{"userId"},
			Aggs: []op.Agg{{Func: op.AggSum, Field: "likes", As: "sum"}, {Func: op.AggCount, As: "n"}}, Having: op.Cmp("n", op.Gt, int64(1)),
		}),
		goldenOp("op-insert", "insert with a value of every kind", op.Op{Kind: op.Insert, Model: post(), Rows: [][]any{values}, Returning: true}),
		goldenOp("op-upsert", "upsert with a conflict", op.Op{
			Kind: op.Upsert, Model: post(), Rows: [][]any{{"p1"}},
			Conflict: &op.Conflict{Fields: []string{"id"}, Update: []string{"title"}, Set: []op.Assign{{Field: "likes", Inc: true, Value: int64(1)}}},
		}),
		goldenOp("op-batch", "an update with both kinds of guards, and raw SQL", op.Op{
			Kind:   op.Batch,
			Guards: []op.Guard{{Kind: op.GuardSnapshot, Model: post(), Filter: op.Cmp("id", op.Eq, "p1"), Rows: 1, Version: 7}},
			Batch: []op.Op{
				{
					Kind: op.Update, Model: post(), Filter: op.Cmp("id", op.Eq, "p1"), Set: []op.Assign{{Field: "title", Value: "new"}, {Field: "data", Path: []string{"k"}, Value: op.JSON("1")}},
					Guards: []op.Guard{{Kind: op.GuardMust, Model: post(), Filter: op.Cmp("id", op.Eq, "p1"), Must: op.Cmp("likes", op.Eq, int64(3))}},
				},
				{Kind: op.SQL, SQL: "UPDATE posts SET likes = ?", Args: []any{int64(0)}},
			},
		}),
		goldenOp("op-quiet", "an update that leaves the version", op.Op{
			Kind: op.Update, Model: post(), Filter: op.Cmp("id", op.Eq, "p1"), Set: []op.Assign{{Field: "title", Value: "new"}}, Quiet: true,
		}),
		goldenOp("op-deleted", "find Post and what is marked deleted by conditions on a join model, and purge it", op.Op{Kind: op.Batch, Batch: []op.Op{
			{
				Kind: op.Find, Model: post(), WithDeleted: true, With: []op.With{{Relation: "author", WithDeleted: true}},
				Filter: op.Cond{Kind: op.Has, Relation: "author", Target: user, Join: []op.Cond{op.Cmp("deletedAt", op.Eq, nil)}},
				Via:    &op.Via{Model: user, Relation: "posts", Keys: [][]any{{"u1"}}, Join: op.Cmp("deletedAt", op.Eq, nil)},
			},
			{Kind: op.Delete, Model: post(), WithDeleted: true, Purge: true},
		}}),
		goldenOp("op-migrate", "bring the schema to Post and User", op.Op{Kind: op.Migrate, Migration: &op.Migration{Models: testSet, Apply: true}}),
		goldenResult("result-rows", "rows with values of every kind", func() op.Result { return op.Result{N: 2, Rows: op.NewRows(rows)} }),
		goldenResult("result-batch", "results of a batch, and a plan", func() op.Result {
			return op.Result{Batch: []op.Result{{N: 1}, {Rows: op.NewRows([][]any{{"p1"}})}}, Plan: &op.Plan{
				Engine: "sqlite", SQL: []string{"SELECT 1"}, Args: []any{int64(1)},
				Index: []string{"posts_pkey"}, Scan: []string{"users"}, Shards: []string{"s1"}, Cache: "hit", Notes: []string{"n"}, With: []*op.Plan{{Engine: "mem"}},
			}}
		}),
		goldenError("error", "an error with all it may have", &op.Error{Code: op.CodeDatabase, Op: "insert Post", Message: "disk full", Index: 3, Closed: true, Err: context.DeadlineExceeded}),
		goldenError("error-sentinel", "op.ErrNotFound itself", op.ErrNotFound),
		goldenError("error-none", "no error", nil),
		goldenError("error-conflict", "a stale row with the row as it is", &op.ConflictError{Reason: op.ReasonStale, Model: "Post", ID: "p1", Fields: []string{"id"}, Current: []any{"p1", int64(4)}, Index: -1, Err: op.ErrConflict}),
		goldenError("error-conflict-deleted", "the key of a deleted row", &op.ConflictError{Reason: op.ReasonExists, Model: "Post", ID: "p1", Deleted: true, Index: -1}),
		goldenError("error-validation", "two failures", invalid),
		goldenError("error-wrapped", "a foreign error around a known one", &remoteError{text: "load: cancelled", causes: []error{context.Canceled}}),
		{
			"rows", "a stream of three rows in two columns",
			func() ([]byte, error) {
				var b bytes.Buffer
				err := WriteRows(&b, op.Result{N: 3, Rows: op.NewRows([][]any{{"a", int64(1)}, {"b", nil}, {"c", int64(3)}})}, 2)
				return b.Bytes(), err
			},
			func(t *testing.T, data []byte) {
				got, err := NewRowReader(bytes.NewReader(data), nil).Head()
				if err != nil {
					t.Fatal(err)
				}
				sameResult(t, got, op.Result{N: 3, Rows: op.NewRows([][]any{{"a", int64(1)}, {"b", nil}, {"c", int64(3)}})})
			},
		},
		{"caps", "capabilities", func() ([]byte, error) { return EncodeCaps(caps), nil }, func(t *testing.T, data []byte) {
			if got, err := DecodeCaps(data); err != nil || !reflect.DeepEqual(got, caps) {
				t.Fatalf("got %+v, %v", got, err)
			}
		}},
		{"tx-options", "a transaction that only reads", func() ([]byte, error) { return EncodeTxOptions(op.TxOptions{ReadOnly: true}), nil }, func(t *testing.T, data []byte) {
			if got, err := DecodeTxOptions(data); err != nil || !got.ReadOnly {
				t.Fatalf("got %+v, %v", got, err)
			}
		}},
	}
}

// file writes bytes as lines of 16 below their description.
func file(about string, data []byte) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# %s\n", about)
	for len(data) > 0 {
		n := min(16, len(data))
		fmt.Fprintf(&b, "% x\n", data[:n])
		data = data[n:]
	}
	return b.Bytes()
}

func parse(t testing.TB, text []byte) []byte {
	t.Helper()
	var digits strings.Builder
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "#") {
			digits.WriteString(strings.Join(strings.Fields(line), ""))
		}
	}
	data, err := hex.DecodeString(digits.String())
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// What is written today is what the files of this version hold.
func TestGolden(t *testing.T) {
	dir := filepath.Join("testdata", fmt.Sprintf("v%d", Version))
	for _, g := range goldens() {
		t.Run(g.name, func(t *testing.T) {
			path := filepath.Join(dir, g.name+".hex")
			data, err := g.encode()
			if err != nil {
				t.Fatal(err)
			}
			if *update {
				if err := os.MkdirAll(dir, 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, file(g.about, data), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			// The models of a migration are YAML, whose wording may change.
			if g.name != "op-migrate" && !bytes.Equal(data, parse(t, want)) {
				t.Errorf("%s: the encoding changed to\n%swant\n%s\n(a change of what is written needs a new version; see DESIGN.md)", path, file(g.about, data), want)
			}
		})
	}
}

// What any version wrote is read as it was meant.
func TestReadsEarlierVersions(t *testing.T) {
	byName := map[string]golden{}
	for _, g := range goldens() {
		byName[g.name] = g
	}
	for version := 1; version <= Version; version++ {
		files, err := filepath.Glob(filepath.Join("testdata", fmt.Sprintf("v%d", version), "*.hex"))
		if err != nil || len(files) == 0 {
			t.Fatalf("no files of version %d: %v", version, err)
		}
		for _, path := range files {
			t.Run(path, func(t *testing.T) {
				text, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				g, ok := byName[strings.TrimSuffix(filepath.Base(path), ".hex")]
				if !ok {
					t.Fatal("no message of this name is known to the test")
				}
				g.check(t, parse(t, text))
			})
		}
	}
}
