package weft_test

import (
	"context"
	"io"
	"iter"
	"log/slog"
	"testing"
	"time"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/internal/leak"
)

func TestMain(m *testing.M) { leak.VerifyTestMain(m) }

// The shapes that programs by others rely on. This compiles or the API broke.
var (
	_ func(weft.Engine, ...weft.Option) (*weft.DB, error) = weft.Open
	_ func(...any) weft.Option                            = weft.Models
	_ func() weft.Option                                  = weft.AutoMigrate
	_ func(...weft.Layer) weft.Option                     = weft.With
	_ func(func() time.Time) weft.Option                  = weft.Clock
	_ func(*slog.Logger, time.Duration) weft.Option       = weft.Log

	_ func(func(context.Context, weft.Call) (context.Context, func(error))) weft.Option = weft.Observe
	_ func(*weft.DB, weft.HookPoint, func(context.Context, *Book) error) error          = weft.On[Book]

	_ func(*weft.KeyRing) weft.Option                                = weft.Encrypt
	_ func(string, []byte) (weft.SecretKey, error)                   = weft.NewSecretKey
	_ func() weft.SecretKey                                          = weft.GenerateKey
	_ func(weft.SecretKey, ...weft.SecretKey) (*weft.KeyRing, error) = weft.NewKeyRing
	_ func(string) (*weft.KeyRing, error)                            = weft.ParseKeyRing

	_ func(context.Context) *weft.DB                                             = weft.From
	_ func(context.Context, func(context.Context))                               = weft.AfterCommit
	_ func(context.Context, weft.Principal) context.Context                      = weft.As
	_ func(context.Context) context.Context                                      = weft.AsSystem
	_ func(*weft.Rel) *weft.Rel                                                  = (*weft.Rel).WithDeleted
	_ func(string, ...weft.Cond) weft.Cond                                       = weft.Has
	_ func(string, string, int64, ...weft.Cond) weft.Cond                        = weft.HasCount
	_ func(error) weft.Code                                                      = weft.CodeOf
	_ func(error) (*Book, bool)                                                  = weft.Fresh[Book]
	_ func(any) []string                                                         = weft.Changed
	_ func(any, string) any                                                      = weft.Was
	_ func(any) weft.Version                                                     = weft.VersionOf
	_ func(any) ([]byte, error)                                                  = weft.JSON
	_ func(any, string) bool                                                     = weft.Loaded
	_ func(*weft.DB) *weft.Repository[Book]                                      = weft.Repo[Book]
	_ func(context.Context, *weft.DB, string, ...any) ([]struct{ N int }, error) = weft.SQL[struct{ N int }]
	_ func(context.Context, weft.Source[Book], weft.Column[int]) ([]int, error)  = weft.Pluck[Book, int]
	_ func(string) weft.Column[int]                                              = weft.Col[int]
	_ func(...weft.Assign) weft.Set                                              = weft.Sets
)

type database interface {
	Tx(context.Context, func(*weft.DB) error, ...weft.TxOption) error
	InTx(context.Context, func(context.Context) error, ...weft.TxOption) error
	Exec(context.Context, string, ...any) (int64, error)
	Backup(context.Context, io.Writer) error
	Rotate(context.Context, weft.Rotation) error
	KeyUse(context.Context) ([]weft.KeyUse, error)
	User(string) *weft.DB
	Close() error
}

type builders interface {
	Where(string, string, any) *weft.Query[Book]
	WhereIn(string, ...any) *weft.Query[Book]
	WhereUserIn(...string) *weft.Query[Book]
	Filter(...weft.Cond) *weft.Query[Book]
	With(...string) *weft.Query[Book]
	WithQuery(string, func(*weft.Rel)) *weft.Query[Book]
	OrderBy(string, weft.Direction) *weft.Query[Book]
	Sort(...weft.SortKey) *weft.Query[Book]
	Limit(int) *weft.Query[Book]
	Offset(int) *weft.Query[Book]
	After(string) *weft.Query[Book]
	Before(string) *weft.Query[Book]
	Select(...string) *weft.Query[Book]
	Distinct() *weft.Query[Book]
	WithTotal() *weft.Query[Book]
	Primary() *weft.Query[Book]
	Lock(...weft.LockOption) *weft.Query[Book]
	Cache(time.Duration) *weft.Query[Book]
	AllowPartial() *weft.Query[Book]
	Apply(func(*weft.Query[Book]) *weft.Query[Book]) *weft.Query[Book]

	All(context.Context) ([]*Book, error)
	Page(context.Context) (*weft.Page[Book], error)
	First(context.Context) (*Book, error)
	Count(context.Context) (int64, error)
	Exists(context.Context) (bool, error)
	Sum(context.Context, string) (weft.Num, error)
	Avg(context.Context, string) (weft.Num, error)
	Min(context.Context, string) (weft.Num, error)
	Max(context.Context, string) (weft.Num, error)
	Iter(context.Context) iter.Seq2[*Book, error]
	Each(context.Context, func(*Book) error) error
	UpdateAll(context.Context, weft.Set) ([]*Book, error)
	Explain(context.Context) (*weft.Plan, error)
	WithDeleted() *weft.Query[Book]
}

type query interface {
	builders
	Update(context.Context, weft.Set) (int64, error)
	Delete(context.Context) (int64, error)
	Restore(context.Context) (int64, error)
	Purge(context.Context) (int64, error)
}

type repository interface {
	builders
	In(*weft.DB) *weft.Repository[Book]
	New() *Book
	Create(context.Context, *Book) error
	CreateMany(context.Context, []*Book) error
	Get(context.Context, string) (*Book, error)
	Find(context.Context, string) (*Book, error)
	Save(context.Context, *Book) error
	Update(context.Context, string, weft.Set) (*Book, error)
	Delete(context.Context, string) (bool, error)
	Restore(context.Context, string) error
	Purge(context.Context, string) error
	Increment(context.Context, string, string, any) (weft.Num, error)
	Validate(context.Context, *Book) error
	Load(context.Context, *Book, ...string) error
	LoadAll(context.Context, []*Book, ...string) error
	OnConflict(...string) *weft.Conflict[Book]
	Link(context.Context, *Book, string, ...string) error
	Unlink(context.Context, *Book, string, ...string) error
	Relink(context.Context, *Book, string, ...string) error
}

type onConflict interface {
	Update(...string) *weft.ConflictUpdate[Book]
	Create(context.Context, *Book) (bool, error)
}

type onConflictUpdate interface {
	Create(context.Context, *Book) (bool, error)
	CreateMany(context.Context, []*Book) (int64, error)
}

// What the columns of a generated package have.
type column[V any] interface {
	weft.Column[V]
	Set(V) weft.Assign
	IsNull() weft.Cond
	NotNull() weft.Cond
}

type value[V any] interface {
	column[V]
	Eq(V) weft.Cond
	Ne(V) weft.Cond
	In(...V) weft.Cond
	NotIn(...V) weft.Cond
	Asc() weft.SortKey
	Desc() weft.SortKey
}

type ordered[V any] interface {
	value[V]
	Lt(V) weft.Cond
	Le(V) weft.Cond
	Gt(V) weft.Cond
	Ge(V) weft.Cond
	Between(from, to V) weft.Cond
}

type number[V any] interface {
	ordered[V]
	Inc(V) weft.Assign
	Dec(V) weft.Assign
}

type text[V any] interface {
	ordered[V]
	Like(string) weft.Cond
	StartsWith(string) weft.Cond
	EndsWith(string) weft.Cond
}

type list[E any] interface {
	column[[]E]
	Contains(E) weft.Cond
}

type doc[V any] interface {
	column[V]
	At(string) weft.Text[any]
}

type nullable interface{ SetNull() weft.Assign }

var (
	_ value[bool]        = weft.Value[bool]{}
	_ ordered[time.Time] = weft.Ordered[time.Time]{}
	_ number[int64]      = weft.Number[int64]{}
	_ text[string]       = weft.Text[string]{}
	_ list[string]       = weft.List[string]{}
	_ doc[any]           = weft.Doc[any]{}
	_ column[string]     = weft.Sealed[string]{}

	_ interface {
		value[bool]
		nullable
	} = weft.NullValue[bool]{}
	_ interface {
		ordered[time.Time]
		nullable
	} = weft.NullOrdered[time.Time]{}
	_ interface {
		number[int64]
		nullable
	} = weft.NullNumber[int64]{}
	_ interface {
		text[string]
		nullable
	} = weft.NullText[string]{}
	_ interface {
		list[string]
		nullable
	} = weft.NullList[string]{}
	_ interface {
		doc[any]
		nullable
	} = weft.NullDoc[any]{}
	_ interface {
		column[string]
		nullable
	} = weft.NullSealed[string]{}
)

var (
	_ onConflict       = (*weft.Conflict[Book])(nil)
	_ onConflictUpdate = (*weft.ConflictUpdate[Book])(nil)

	_ database   = (*weft.DB)(nil)
	_ query      = (*weft.Query[Book])(nil)
	_ repository = (*weft.Repository[Book])(nil)
)
