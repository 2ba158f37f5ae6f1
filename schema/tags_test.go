package schema_test

import (
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/shopspring/decimal"

	"github.com/weftdb/weft/schema"
)

type (
	level  int8
	label  string
	labels []string
	point  struct{ X, Y int }
	money  struct{ cents int64 }
	ip     [4]byte
)

func (m money) Value() (driver.Value, error) { return m.cents, nil }
func (m *money) Scan(any) error              { return nil }
func (p ip) MarshalText() ([]byte, error)    { return nil, nil }

type Kinds struct {
	ID    int64
	Str   string
	Label label
	I     int
	I8    level
	I32   int32
	U     uint
	U32   uint32
	U16   uint16
	F     float32
	B     bool
	T     time.Time
	Bytes []byte
	List  labels
	Fixed [3]int
	Map   map[string]int
	Point point
	Ptr   *int64
	PStr  *string
	PT    *time.Time
	NS    sql.NullString
	NI    sql.NullInt32
	NT    sql.NullTime
	NB    sql.NullBool
	NG    sql.Null[float64]
	Dec   decimal.Decimal
	NDec  decimal.NullDecimal
	PDec  *decimal.Decimal
	Money money
	Cents money `weft:"type=bigInteger"`
	UUID  uuid.UUID
	Raw   json.RawMessage
	Any   any
	IP    ip
	Child *Post
	Many  []Post
	Dur   time.Duration
	small int
	Skip  chan int `weft:"-"`
}

func TestGoKinds(t *testing.T) {
	m := read(t, Kinds{small: 1})[0]
	var got []string
	for _, f := range m.Fields {
		s := f.GoName + " " + string(f.Type)
		if f.Nullable {
			s += " null"
		}
		if f.Unsigned {
			s += " unsigned"
		}
		got = append(got, s)
	}
	equal(t, got, []string{
		"ID bigInteger", "Str string", "Label string", "I bigInteger", "I8 integer", "I32 integer", "U bigInteger unsigned",
		"U32 bigInteger unsigned", "U16 integer unsigned", "F float", "B boolean", "T datetime", "Bytes binary", "List array",
		"Fixed array", "Map object", "Point object", "Ptr bigInteger null", "PStr string null", "PT datetime null", "NS string null",
		"NI integer null", "NT datetime null", "NB boolean null", "NG float null", "Dec decimal", "NDec decimal null", "PDec decimal null",
		"Money string", "Cents bigInteger", "UUID uuid", "Raw json null", "Any json null", "IP json", "Child object null", "Many array", "Dur bigInteger",
	})
	if f := m.Fields[0]; !f.Primary || !f.Auto {
		t.Error("an integer ID without tags is no counting key")
	}
	roundTrip(t, m)
}

type Address struct {
	Street string
	City   string `weft:"column=town,size=80" json:"place"`
}

type Base struct {
	ID   string `weft:"primary"`
	Note string
}

type Tagged struct {
	Base
	Note    label           `weft:"column=remark,type=text,search,comment='a, ''b'''"` // hides that of Base
	Code    string          `weft:"nanoid,unique,immutable"`
	Short   string          `weft:"nanoid,type=string,size=30"`
	State   string          `weft:"enum=new|in use|done,default=new,index"`
	Price   decimal.Decimal `weft:"precision=12,scale=4,default=9.99"`
	Rate    decimal.Decimal `weft:"type=decimal(18,6)"`
	Big     uint64          `weft:"default=7"`
	Born    time.Time       `weft:"type=date,default=2000-01-02,nullable"`
	At      time.Time       `weft:"default=now"`
	Open    string          `weft:"type=time,default=08:30:00"`
	Secret  []byte          `weft:"encrypted" json:"-"`
	Old     string          `weft:"renamed_from=older,readonly" json:"was"`
	Doc     map[string]any  `weft:"type=jsonb,default='{\"b\": 1, \"a\": [1.0]}'"`
	UserRef *string         `weft:"type=uuid,references=users.id,on_delete=set_null,on_update=cascade"`
	Custom  string          `weft:"type=specificType(numeric(10,2))"`
	Word    string          `weft:"default=" validate:"omitempty,max=300"`
	Names   []string        `validate:"dive,required"`
	Global  string          `weft:"index:global"`
	Gone    *time.Time      `weft:"deleted"`
	Rev     int32           `weft:"version"`
	Home    Address         `weft:"embed"`
	Work    Address         `weft:"embed,prefix=office_"`
	Address `weft:"embed,prefix="`
	Raw     json.RawMessage `weft:"notnull"`
	Any     any             `weft:"notnull"`
	Trimmed string          `weft:"transform=trim,size=-1"`
	hidden  int
}

func TestTags(t *testing.T) {
	m := read(t, &Tagged{hidden: 1})[0]
	byName := map[string]*schema.Field{}
	for _, f := range m.Fields {
		if byName[f.Name] != nil {
			t.Errorf("%s is there twice", f.Name)
		}
		byName[f.Name] = f
	}
	check := func(name string, want schema.Field) {
		t.Helper()
		f := byName[name]
		if f == nil {
			t.Errorf("there is no %s", name)
			return
		}
		want.Name = name
		if want.Column == "" {
			want.Column = schema.Snake(name)
		}
		got := plainOf(&schema.Model{Fields: []*schema.Field{f}}).Fields[0]
		got.Name = name
		equal(t, *got, want)
	}
	check("id", schema.Field{Type: schema.String, Primary: true})
	check("note", schema.Field{Type: schema.Text, Column: "remark", Search: true, Comment: "a, 'b'"})
	check("code", schema.Field{Type: schema.NanoID, NanoID: true, Unique: true, Immutable: true})
	check("short", schema.Field{Type: schema.String, NanoID: true, Size: 30})
	check("state", schema.Field{Type: schema.Enum, Enum: []string{"new", "in use", "done"}, Index: true, Default: &schema.Default{Value: "new"}})
	check("price", schema.Field{
		Type: schema.Decimal, Precision: 12, Scale: 4,
		Default: &schema.Default{Value: decimal.RequireFromString("9.99")},
	})
	check("rate", schema.Field{Type: schema.Decimal, Precision: 18, Scale: 6})
	check("big", schema.Field{Type: schema.BigInteger, Unsigned: true, Default: &schema.Default{Value: int64(7)}})
	check("born", schema.Field{
		Type: schema.Date, Nullable: true,
		Default: &schema.Default{Value: time.Date(2000, 1, 2, 0, 0, 0, 0, time.UTC)},
	})
	check("at", schema.Field{Type: schema.DateTime, Default: &schema.Default{Now: true}})
	check("open", schema.Field{Type: schema.Time, Default: &schema.Default{Value: "08:30:00"}})
	check("secret", schema.Field{Type: schema.Binary, Encrypted: true, Hidden: true})
	check("was", schema.Field{Type: schema.String, RenamedFrom: "older", ReadOnly: true})
	check("doc", schema.Field{Type: schema.JSONB, Default: &schema.Default{Value: json.RawMessage(`{"a":[1.0],"b":1}`)}})
	check("userRef", schema.Field{Type: schema.UUID, Nullable: true, References: &schema.Reference{
		Table: "users", Column: "id", OnDelete: schema.SetNull, OnUpdate: schema.Cascade,
	}})
	check("custom", schema.Field{Type: schema.Specific, DBType: "numeric(10,2)"})
	check("word", schema.Field{Type: schema.Text, Validate: "omitempty,max=300", Default: &schema.Default{Value: ""}})
	check("names", schema.Field{Type: schema.Array, Validate: "dive,required"})
	check("global", schema.Field{Type: schema.String, Index: true, IndexGlobal: true})
	check("gone", schema.Field{Type: schema.DateTime, Nullable: true, Role: schema.RoleDeleted})
	check("rev", schema.Field{Type: schema.Integer, Role: schema.RoleVersion})
	check("raw", schema.Field{Type: schema.JSON})
	check("any", schema.Field{Type: schema.JSON})
	check("trimmed", schema.Field{Type: schema.String, Size: -1, Transform: "trim"})
	check("homeStreet", schema.Field{Type: schema.String, EmbedPrefix: "home"})
	check("homePlace", schema.Field{Type: schema.String, Size: 80, Column: "home_town", EmbedPrefix: "home"})
	check("officeStreet", schema.Field{Type: schema.String, EmbedPrefix: "office"})
	check("street", schema.Field{Type: schema.String})
	check("place", schema.Field{Type: schema.String, Size: 80, Column: "town"})
	equal(t, byName["homePlace"].GoIndex, []int{21, 1})
	equal(t, byName["homePlace"].GoName, "HomeCity")
	equal(t, byName["id"].GoIndex, []int{0, 0})
	roundTrip(t, m)
	users := &schema.Model{Name: "User", Fields: []*schema.Field{{Name: "id", Type: schema.UUID, Primary: true}}}
	set, err := schema.Build(m, users)
	if err != nil {
		t.Fatal(err)
	}
	sameSet(t, set)
}

type BadTags struct {
	ID      string  `weft:"primery"`
	Unq     string  `weft:"unique,uniqe"`
	Val     string  `weft:"unique=yes"`
	Col     string  `weft:"column"`
	Twice   string  `weft:"index,index"`
	Typ     string  `weft:"type=strin"`
	Fits    string  `weft:"type=integer"`
	Cents   float64 `weft:"type=decimal"`
	Size    string  `weft:"size=big"`
	Def     int     `weft:"default=x"`
	DefE    string  `weft:"enum=a|b,default=c"`
	DefB    bool    `weft:"default=yes"`
	Ref     string  `weft:"references=users"`
	Del     string  `weft:"on_delete=cascade"`
	Act     string  `weft:"references=users.id,on_delete=explode"`
	FK      string  `weft:"fk=ID"`
	Quote   string  `weft:"default='a"`
	Paren   string  `weft:"type=decimal(10"`
	Roles   int     `weft:"version,created"`
	Chan    chan int
	PP      **int
	Rel     Post    `weft:"belongs_to"`
	Rels    []*Post `weft:"belongs_to"`
	Kinds   []*Post `weft:"has_many,many_to_many,through=X"`
	RelCol  *Post   `weft:"belongs_to,column=x"`
	RelDel  *Post   `weft:"belongs_to,on_delete=boom"`
	Count   string  `weft:"count=posts"`
	Emb     int     `weft:"embed"`
	Pre     string  `weft:"prefix=a"`
	NotNull *string `weft:"notnull"`
	Both    any     `weft:"nullable,notnull"`
	private string  `weft:"unique"`
	*Address
	Base `weft:"unique"`
	_    struct{} `weft:"created"`
}

func (*BadTags) Weft() schema.Options {
	return schema.Options{
		Owner:      "Nobody",
		Defaults:   map[string]func() any{"typo": func() any { return 1 }, "Unq": nil, "def": func() any { return 1 }},
		Transforms: map[string]func(any) any{"val": func(v any) any { return v }, "Val": func(v any) any { return v }},
		Validators: map[string]func(any) string{"nope": nil},
	}
}

func (*BadTags) BeforeCreate() error { return nil }

func TestBadTags(t *testing.T) {
	_ = BadTags{private: ""}
	_, err := schema.FromStruct(BadTags{})
	golden(t, "badtags.golden", faults(t, err)+"\n")
}

type panics struct{ ID string }

func (panics) Weft() schema.Options { panic("boom") }

type wrongWeft struct{ ID string }

func (wrongWeft) Weft() int { return 1 }

type recursive struct {
	ID string
	R  struct{ A string } `weft:"embed"`
}

type generic[T any] struct{ ID T }

func TestNotModels(t *testing.T) {
	for _, c := range []struct {
		v    any
		want string
	}{
		{nil, "nil value"},
		{1, "int is no model"},
		{[]Post{}, "is no model"},
		{struct{ ID string }{}, "named struct"},
		{generic[int]{}, "generic type"},
		{panics{}, "the method Weft panics: boom"},
		{wrongWeft{}, "it must be func() schema.Options"},
	} {
		_, err := schema.FromStruct(c.v)
		has(t, faults(t, err), c.want)
	}
	if m := read(t, recursive{})[0]; m.Fields[1].Name != "rA" {
		t.Error(m.Fields[1].Name)
	}
	equal(t, schema.OptionsOf(1).Table, "")
	equal(t, schema.OptionsOf((*Post)(nil)).Scope, schema.UserScope)
}
