package endure

import (
	"context"
	"sync/atomic"

	"github.com/weftdb/weft"
)

// Tally counts how often it was changed, so that its version is always N + 1.
type Tally struct {
	weft.Model
	Name string
	N    int64
	Copy int64 // written by Save together with N, never alone
}

// Account holds part of a sum that never changes. Moves counts the transfers
// that it took part in.
type Account struct {
	weft.Model
	Name    string `weft:"unique"`
	Balance int64
	Moves   int64
}

// Entry is a row that a load writes: alone, in a batch of many, or as the
// record of a transfer.
type Entry struct {
	weft.Model
	Kind  string `weft:"index" validate:"required,max=10"`
	Batch string `weft:"index,search"`
	Body  string `weft:"type=text,search"`
}

// Word is a text that is written and searched at the same time.
type Word struct {
	weft.Model
	Text string `weft:"search"`
	More string `weft:"search"`
}

// Group, Item and Part are for reading many.
type Group struct {
	ID    int64   `weft:"primary,auto"`
	Name  string  `weft:"unique"`
	Items []*Item `weft:"has_many"`
}

// Item is one of many.
type Item struct {
	ID      int64 `weft:"primary,auto"`
	GroupID int64
	Name    string
	Price   float64
	Group   *Group  `weft:"belongs_to"`
	Parts   []*Part `weft:"has_many"`
}

// Part belongs to an item.
type Part struct {
	ID     int64 `weft:"primary,auto"`
	ItemID int64 `weft:"index"`
	Name   string
}

// Hooked does in its hooks what a test tells it to.
type Hooked struct {
	weft.Model
	Name string
}

// onHook is called by the hooks of Hooked when it is set.
var onHook atomic.Pointer[func(ctx context.Context, hook string) error]

func hook(ctx context.Context, name string) error {
	if fn := onHook.Load(); fn != nil {
		return (*fn)(ctx, name)
	}
	return nil
}

func (*Hooked) BeforeCreate(ctx context.Context) error { return hook(ctx, "BeforeCreate") }
func (*Hooked) AfterCreate(ctx context.Context) error  { return hook(ctx, "AfterCreate") }
func (*Hooked) BeforeUpdate(ctx context.Context) error { return hook(ctx, "BeforeUpdate") }
func (*Hooked) AfterUpdate(ctx context.Context) error  { return hook(ctx, "AfterUpdate") }
func (*Hooked) BeforeDelete(ctx context.Context) error { return hook(ctx, "BeforeDelete") }
func (*Hooked) AfterDelete(ctx context.Context) error  { return hook(ctx, "AfterDelete") }
func (*Hooked) AfterFind(ctx context.Context) error    { return hook(ctx, "AfterFind") }
