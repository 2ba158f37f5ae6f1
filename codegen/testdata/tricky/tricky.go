// Package tricky has models that are hard to read without compiling them.
package tricky

import (
	"database/sql"
	"encoding/json"
	"time"

	uid "github.com/google/uuid"
	"github.com/shopspring/decimal"

	"github.com/weftdb/weft"
	. "github.com/weftdb/weft/codegen/testdata/tricky/kinds"
	"github.com/weftdb/weft/op"
)

// State is an enum.
type State string

// The states.
const (
	Draft State = "draft"
	Out   State = "out"
)

type (
	secret  string
	Stamp   time.Time
	Tags    []string
	Hash    []byte
	Alias   = Color
	Numbers [size]int32
	Nested  map[string][]*Point
	Opaque  struct{ a, b int }
	Words   interface{ String() string }
	Copy    Base
	text    struct{ s string }
)

// MarshalText makes it a JSON string.
func (t text) MarshalText() ([]byte, error) { return []byte(t.s), nil }

const size = 2 + len("ab")

// Base is embedded by models, and not one itself.
type Base struct {
	weft.Model
	Kind  string `weft:"index"`
	Extra string
}

type lower struct {
	Low  string
	When time.Time
}

// Keyed is embedded too. Its type parameter is known there.
type Keyed[K comparable] struct {
	ID    K `weft:"primary"`
	Owner K
}

// Address is flattened where it is embedded, and JSON elsewhere.
type Address struct {
	Street string `json:"street_name"`
	Zip    *string
	Geo    struct {
		Lat, Lon float64
	} `weft:"embed"`
}

// Everything has a field of every kind.
type Everything struct {
	Base
	lower
	Extra  int // hides that of Base
	S      string
	Sec    secret
	St     State      `weft:"enum=draft|out,default=draft"`
	PSt    *State     `weft:"enum=draft|out"`
	Long   string     `validate:"max=1000"`
	Named  string     `json:"title,omitempty"`
	Hid    string     `json:"-"`
	Dash   string     `json:"-,"`
	Col    string     `weft:"column=Other,size=30,comment='a, ''b'' embed'"`
	Nano   string     `weft:"nanoid"`
	UUID   string     `weft:"type=uuid"`
	Clock  string     `weft:"type=time"`
	Enc    string     `weft:"encrypted"`
	PEnc   *Point     `weft:"encrypted"`
	Spec   string     `weft:"type=specificType(citext)"`
	SpecI  *int       `weft:"type=specificType(money)"`
	SpecT  time.Time  `weft:"type=specificType(tz)"`
	SpecB  bool       `weft:"type=specificType(bit)"`
	I      int
	I8     int8
	U      uint64
	PU     *uint16
	F32    float32
	B      bool
	PB     *bool
	T      time.Time
	PT     *time.Time
	Day    time.Time `weft:"type=date,nullable"`
	Stamp  Stamp
	PStamp *Stamp
	D      decimal.Decimal `weft:"precision=12,scale=4"`
	PD     *decimal.Decimal
	ND     decimal.NullDecimal
	Bytes  []byte
	NBytes []byte `weft:"nullable"`
	Hash   Hash
	U16    uid.UUID
	NU     uid.NullUUID
	NS     sql.NullString
	NI     sql.NullInt64
	NI32   sql.NullInt32
	NI16   sql.NullInt16
	NByte  sql.NullByte
	NF     sql.NullFloat64
	NBo    sql.NullBool
	NT     sql.NullTime
	NG     sql.Null[Level]
	NGP    sql.Null[*string]
	PNS    *sql.NullString
	Raw    json.RawMessage
	NRaw   json.RawMessage `weft:"notnull"`
	OpJSON op.JSON
	Any    any
	Wor    Words
	Tags   Tags
	PTags  *Tags
	Ints   []int
	Bools  []*bool
	Nums   Numbers
	Pts    []Point
	PPts   []*Point
	Shape  Shape
	Map    map[string]int
	NMap   map[Color]Level `weft:"nullable"`
	Nested Nested
	Opaque Opaque
	Anon   struct{ X int }
	Text   text
	Lev    Level
	PLev   *Level
	Alias  Alias
	Money  Money
	Cents  Money `weft:"type=bigInteger"`
	PMoney *Money
	Token  Token
	PToken *Token
	Pair   Pair[string, *Level]
	Home   Address `weft:"embed"`
	Work   Address `weft:"embed,prefix=office_"`
	Copy   Copy    `weft:"-"`
	Addr   Address
	Chan   chan int `weft:"-"`
	small  int

	Parent   *Everything   `weft:"belongs_to,fk=ParentID"`
	Kids     []*Everything `weft:"has_many,fk=ParentID"`
	Far      *Integer      `weft:"belongs_to,fk=FarID,lk=ID" json:"farAway"`
	KidCount int           `weft:"count=kids"`
	ParentID *string       `weft:"type=uuid"`
	FarID    int64
}

// Integer is a generic struct with a type.
type Integer struct {
	Keyed[int64]
	weft.Tracked
	Name string
}

// Existing is over a table that is there; nothing but its key shows that it is a
// model.
type Existing struct {
	ID   int
	Name string `weft:"column=NAME"`
}

// Composite has a key of two fields and a version of its own.
type Composite struct {
	A   string `weft:"primary"`
	B   int32  `weft:"primary"`
	Rev int    `weft:"version"`
	_   struct{}
}

// Optioned has no tag.
type Optioned struct {
	ID   string
	Note string
}

// Weft makes it a model.
func (*Optioned) Weft() weft.Options { return weft.Options{Table: "opts"} }

// Plain is known by weft.Models alone.
type Plain struct {
	ID   string
	Note string
}

// Result is the shape of a result: it has tags and no key.
type Result struct {
	Name  string `weft:"column=n"`
	Total int64
}

// Open registers models.
func Open() []weft.Option {
	return []weft.Option{weft.Models(Everything{}, &Plain{}, new(Existing), (*Composite)(nil)), weft.Models(Optioned{})}
}

func use(e *Everything) (int, lower, Copy) { return e.small, e.lower, e.Copy }

var _ = use
