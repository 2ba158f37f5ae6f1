package optest

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/shopspring/decimal"

	"github.com/weftdb/weft/schema"
)

// Wide has a field of every type, each twice: as it is, and nullable (the
// names that end in N).
type Wide struct {
	ID     string           `weft:"primary,type=string"`
	Str    string           `weft:"type=string"`
	StrN   *string          `weft:"type=string"`
	Text   string           `weft:"type=text,search"`
	TextN  *string          `weft:"type=text,search"`
	Int    int32            `weft:"type=integer"`
	IntN   *int32           `weft:"type=integer"`
	Big    int64            `weft:"type=bigInteger"`
	BigN   *int64           `weft:"type=bigInteger"`
	Flt    float64          `weft:"type=float"`
	FltN   *float64         `weft:"type=float"`
	Dec    decimal.Decimal  `weft:"type=decimal"`
	DecN   *decimal.Decimal `weft:"type=decimal"`
	Flag   bool             `weft:"type=boolean"`
	FlagN  *bool            `weft:"type=boolean"`
	Day    time.Time        `weft:"type=date"`
	DayN   *time.Time       `weft:"type=date"`
	At     time.Time        `weft:"type=datetime"`
	AtN    *time.Time       `weft:"type=datetime"`
	Stamp  time.Time        `weft:"type=timestamp"`
	StampN *time.Time       `weft:"type=timestamp"`
	Clock  string           `weft:"type=time"`
	ClockN *string          `weft:"type=time"`
	Bin    []byte           `weft:"type=binary"`
	BinN   *[]byte          `weft:"type=binary"`
	Uid    string           `weft:"type=uuid"`
	UidN   *string          `weft:"type=uuid"`
	Nano   string           `weft:"type=nanoid"`
	NanoN  *string          `weft:"type=nanoid"`
	Enum   string           `weft:"enum=red|green|blue"`
	EnumN  *string          `weft:"enum=red|green|blue"`
	Arr    []any            `weft:"type=array"`
	ArrN   *[]any           `weft:"type=array"`
	Obj    map[string]any   `weft:"type=object"`
	ObjN   *map[string]any  `weft:"type=object"`
	Doc    map[string]any   `weft:"type=json"`
	DocN   *map[string]any  `weft:"type=json"`
	Docb   map[string]any   `weft:"type=jsonb"`
	DocbN  *map[string]any  `weft:"type=jsonb"`
	Ver    int64            `weft:"version"`
}

// Ticket gets its key from the database.
type Ticket struct {
	ID    int64  `weft:"primary,auto"`
	Title string `weft:"search"`
	Ver   int64  `weft:"version"`
}

// Coupon gets its key from the database and has a unique field.
type Coupon struct {
	ID   int64  `weft:"primary,auto"`
	Code string `weft:"unique"`
}

// Meter has fields that only the database fills, of every type; the last two
// have a default and may be NULL.
type Meter struct {
	ID     string `weft:"primary,type=string"`
	Name   string
	Str    string          `weft:"readonly,type=string"`
	Text   string          `weft:"readonly,type=text"`
	Int    int32           `weft:"readonly"`
	Big    int64           `weft:"readonly"`
	Flt    float64         `weft:"readonly"`
	Dec    decimal.Decimal `weft:"readonly"`
	Flag   bool            `weft:"readonly"`
	Day    time.Time       `weft:"readonly,type=date"`
	At     time.Time       `weft:"readonly"`
	Clock  string          `weft:"readonly,type=time"`
	Bin    []byte          `weft:"readonly"`
	Uid    string          `weft:"readonly,type=uuid"`
	Nano   string          `weft:"readonly,type=nanoid"`
	Enum   string          `weft:"readonly,enum=red|green"`
	Arr    []any           `weft:"readonly,type=array"`
	Obj    map[string]any  `weft:"readonly,type=object"`
	Given  int64           `weft:"readonly,default=7"`
	Absent *int64          `weft:"readonly"`
}

// Seat has a key of two fields and columns named like words of SQL.
type Seat struct {
	Hall  string `weft:"primary,type=string"`
	Row   int64  `weft:"primary"`
	Group string `weft:"search"`
	Order *int64
	Ver   int64 `weft:"version"`
}

// Author has one profile and many posts.
type Author struct {
	ID      string `weft:"primary,type=string"`
	Name    string
	Age     *int64
	Ver     int64    `weft:"version"`
	Profile *Profile `weft:"has_one,fk=AuthorID"`
	Posts   []*Post  `weft:"has_many,fk=AuthorID"`

	PostsCount int64 `weft:"count=posts"`
}

// Profile belongs to an author.
type Profile struct {
	ID       string  `weft:"primary,type=string"`
	AuthorID string  `weft:"type=string"`
	Bio      string  `weft:"type=text"`
	Author   *Author `weft:"belongs_to,fk=AuthorID"`
}

// Post belongs to an author, or to none, and has many tags.
type Post struct {
	ID       string  `weft:"primary,type=string"`
	AuthorID *string `weft:"index,type=string"`
	Title    string  `weft:"search"`
	Rank     int64
	Score    *float64
	Ver      int64   `weft:"version"`
	Author   *Author `weft:"belongs_to,fk=AuthorID"`
	Tags     []*Tag  `weft:"many_to_many,through=PostTag"`

	TagsCount int64 `weft:"count=tags"`
}

// Tag has many posts.
type Tag struct {
	ID    string  `weft:"primary,type=string"`
	Label string  `weft:"search"`
	Posts []*Post `weft:"many_to_many,through=PostTag"`
}

// PostTag joins posts and tags.
type PostTag struct {
	PostID string `weft:"primary,type=string"`
	TagID  string `weft:"primary,type=string"`
}

// Guild has authors as members, and may hold the same membership twice.
type Guild struct {
	ID      string    `weft:"primary,type=string"`
	Members []*Author `weft:"many_to_many,through=Membership"`

	MembersCount int64 `weft:"count=members"`
}

// Membership joins guilds and authors without a key of both.
type Membership struct {
	ID       int64  `weft:"primary"`
	GuildID  string `weft:"type=string,index"`
	AuthorID string `weft:"type=string"`
}

// Employee has a manager, an employee.
type Employee struct {
	ID        string `weft:"primary,type=string"`
	Name      string
	ManagerID *string     `weft:"type=string"`
	Manager   *Employee   `weft:"belongs_to,fk=ManagerID,on_delete=set null"`
	Reports   []*Employee `weft:"has_many,fk=ManagerID"`
}

// Note belongs to a user.
type Note struct {
	ID     string `weft:"primary,type=string"`
	UserID string `weft:"type=string"`
	Body   string `weft:"type=text,search"`
	Ver    int64  `weft:"version"`
}

// Weft makes Note user-scoped.
func (Note) Weft() schema.Options { return schema.Options{Scope: schema.UserScope} }

// Account has a unique field, a unique pair, and numbers to add to.
type Account struct {
	ID      string  `weft:"primary,type=string"`
	Email   *string `weft:"unique,type=string"`
	Tenant  string
	Handle  *string
	Balance int64
	Count   *int64
	Credit  decimal.Decimal `weft:"type=decimal"`
	Score   float64
	Extra   *map[string]any `weft:"type=json"`
	Ver     int64           `weft:"version"`
}

// Weft gives Account its unique pair.
func (Account) Weft() schema.Options {
	return schema.Options{Indexes: []schema.Index{{Fields: []string{"tenant", "handle"}, Unique: true, Name: "account_handle"}}}
}

// Parent is pointed at by the three kinds of children.
type Parent struct {
	ID   string `weft:"primary,type=string"`
	Name string
}

// ChildCascade goes with its parent.
type ChildCascade struct {
	ID       string  `weft:"primary,type=string"`
	ParentID *string `weft:"search,type=string"`
	Parent   *Parent `weft:"belongs_to,fk=ParentID,on_delete=cascade"`
}

// ChildNull loses its parent.
type ChildNull struct {
	ID       string  `weft:"primary,type=string"`
	ParentID *string `weft:"search,type=string"`
	Parent   *Parent `weft:"belongs_to,fk=ParentID,on_delete=set null"`
}

// ChildRestrict keeps its parent.
type ChildRestrict struct {
	ID       string  `weft:"primary,type=string"`
	ParentID *string `weft:"type=string"`
	Parent   *Parent `weft:"belongs_to,fk=ParentID,on_delete=restrict"`
}

// Plain has no version.
type Plain struct {
	ID    string `weft:"primary,type=string"`
	Value int64
	Label *string
}

// Shelf has many items. Its rows, those of Item, of Kind and of the join model
// ItemKind can be marked deleted.
type Shelf struct {
	ID        string     `weft:"primary,type=string"`
	Name      *string    `weft:"unique,type=string"`
	DeletedAt *time.Time `weft:"deleted"`
	Items     []*Item    `weft:"has_many,fk=ShelfID"`
}

// Item stands on a shelf, or on none.
type Item struct {
	ID      string  `weft:"primary,type=string"`
	ShelfID *string `weft:"type=string"`
	Place   *string `weft:"search,type=string"`
	Code    *string `weft:"unique,type=string"`
	Rank    int64
	Gone    *time.Time `weft:"deleted"`
	Ver     int64      `weft:"version"`
	Shelf   *Shelf     `weft:"belongs_to,fk=ShelfID"`
	Card    *Card      `weft:"has_one,fk=ItemID"`
	Kinds   []*Kind    `weft:"many_to_many,through=ItemKind"`
	Liked   []*Kind    `weft:"many_to_many,through=ItemLike"`
}

// Weft gives Item its unique place.
func (Item) Weft() schema.Options {
	return schema.Options{Indexes: []schema.Index{{Fields: []string{"shelfId", "place"}, Unique: true}}}
}

// Card describes an item and is never marked.
type Card struct {
	ID     string  `weft:"primary,type=string"`
	ItemID *string `weft:"type=string"`
	Text   string  `weft:"search"`
	Item   *Item   `weft:"belongs_to,fk=ItemID"`
}

// Kind has many items.
type Kind struct {
	ID        string `weft:"primary,type=string"`
	Name      string
	DeletedAt *time.Time `weft:"deleted"`
	Items     []*Item    `weft:"many_to_many,through=ItemKind"`
}

// ItemKind joins items and kinds; its rows can be marked deleted.
type ItemKind struct {
	ItemID    string     `weft:"primary,type=string"`
	KindID    string     `weft:"primary,type=string"`
	DeletedAt *time.Time `weft:"deleted"`
	Kind      *Kind      `weft:"belongs_to,fk=KindID"`
}

// ItemLike joins items and kinds, the same two more than once.
type ItemLike struct {
	ID     string `weft:"primary,type=string"`
	ItemID string `weft:"type=string"`
	KindID string `weft:"type=string"`
	By     int64
	Item   *Item `weft:"belongs_to,fk=ItemID"`
}

// Keeper has vaults.
type Keeper struct {
	ID     string `weft:"primary,type=string"`
	Name   string
	Vaults []*Vault `weft:"has_many,fk=KeeperID"`
}

// Vault has an encrypted field of every type, each twice: as it is, and
// nullable (the names that end in N). The key stands between them.
type Vault struct {
	Pin      string           `weft:"encrypted,type=text"`
	PinN     *string          `weft:"encrypted,type=text"`
	ID       string           `weft:"primary,type=string"`
	KeeperID *string          `weft:"type=string"`
	Label    *string          `weft:"unique,type=string"`
	Rank     int64            `weft:"type=bigInteger"`
	Str      string           `weft:"encrypted,type=string"`
	StrN     *string          `weft:"encrypted,type=string"`
	Int      int32            `weft:"encrypted,type=integer"`
	IntN     *int32           `weft:"encrypted,type=integer"`
	Big      int64            `weft:"encrypted,type=bigInteger"`
	BigN     *int64           `weft:"encrypted,type=bigInteger"`
	Flt      float64          `weft:"encrypted,type=float"`
	FltN     *float64         `weft:"encrypted,type=float"`
	Dec      decimal.Decimal  `weft:"encrypted,type=decimal"`
	DecN     *decimal.Decimal `weft:"encrypted,type=decimal"`
	Flag     bool             `weft:"encrypted,type=boolean"`
	FlagN    *bool            `weft:"encrypted,type=boolean"`
	Day      time.Time        `weft:"encrypted,type=date"`
	DayN     *time.Time       `weft:"encrypted,type=date"`
	At       time.Time        `weft:"encrypted,type=datetime"`
	AtN      *time.Time       `weft:"encrypted,type=datetime"`
	Clock    string           `weft:"encrypted,type=time"`
	ClockN   *string          `weft:"encrypted,type=time"`
	Bin      []byte           `weft:"encrypted,type=binary"`
	BinN     *[]byte          `weft:"encrypted,type=binary"`
	Uid      string           `weft:"encrypted,type=uuid"`
	UidN     *string          `weft:"encrypted,type=uuid"`
	Enum     string           `weft:"encrypted,enum=red|green|blue"`
	EnumN    *string          `weft:"encrypted,enum=red|green|blue"`
	Arr      []any            `weft:"encrypted,type=array"`
	ArrN     *[]any           `weft:"encrypted,type=array"`
	Obj      map[string]any   `weft:"encrypted,type=object"`
	ObjN     *map[string]any  `weft:"encrypted,type=object"`
	Doc      map[string]any   `weft:"encrypted,type=json"`
	DocN     *map[string]any  `weft:"encrypted,type=json"`
	Ver      int64            `weft:"version"`
	Keeper   *Keeper          `weft:"belongs_to,fk=KeeperID"`
}

// Slip has an encrypted field and gets its key from the database.
type Slip struct {
	ID   int64  `weft:"primary,auto"`
	Text string `weft:"encrypted"`
	Note *string
	Ver  int64 `weft:"version"`
}

// Locker has an encrypted field, a key of two fields and no version.
type Locker struct {
	Hall string `weft:"primary,type=string"`
	Row  int64  `weft:"primary"`
	Code *int64 `weft:"encrypted"`
	Open bool
}

var (
	plain = []any{
		Wide{},
		Ticket{},
		Coupon{},
		Meter{},
		Seat{},
		Author{},
		Profile{},
		Post{},
		Tag{},
		PostTag{},
		Guild{},
		Membership{},
		Employee{},
		Note{},
		Account{},
		Parent{},
		ChildCascade{},
		ChildNull{},
		ChildRestrict{},
		Plain{},
		Shelf{},
		Item{},
		Card{},
		Kind{},
		ItemKind{},
		ItemLike{},
	}
	models  = sync.OnceValues(func() (*schema.Set, error) { return build(plain) })
	secrets = sync.OnceValues(func() (*schema.Set, error) {
		return build(append(plain[:len(plain):len(plain)], Keeper{}, Vault{}, Slip{}, Locker{}))
	})
)

func build(structs []any) (*schema.Set, error) {
	var all []*schema.Model
	for _, v := range structs {
		m, err := schema.FromStruct(v)
		if err != nil {
			return nil, fmt.Errorf("read model %T: %w", v, err)
		}
		if m.Name == "Wide" || m.Name == "Vault" {
			for _, f := range m.Fields {
				// Whatever the Go type says: N is for nullable.
				if f.Encrypted || m.Name == "Wide" {
					f.Nullable = strings.HasSuffix(f.Name, "N")
				}
			}
		}
		all = append(all, m)
	}
	return schema.Build(all...)
}

// Models gives the models of the suite. The set is shared and never changes.
func Models() *schema.Set { return must(models()) }

// Secrets gives the models of the suite and those with encrypted fields, for
// stacks that keep them (Factory.Encrypts).
func Secrets() *schema.Set { return must(secrets()) }

func must(set *schema.Set, err error) *schema.Set {
	if err != nil {
		panic("optest: the suite's own models are wrong: " + err.Error())
	}
	return set
}
