package schema

import (
	"reflect"
	"testing"
)

func TestSplitTag(t *testing.T) {
	for in, want := range map[string][]tag{
		"":                         nil,
		" , ,":                     nil,
		"primary, auto":            {{"primary", "", false}, {"auto", "", false}},
		"default=":                 {{"default", "", true}},
		"default='a, b',unique":    {{"default", "a, b", true}, {"unique", "", false}},
		"default='it''s',x":        {{"default", "it's", true}, {"x", "", false}},
		"default='''',x":           {{"default", "'", true}, {"x", "", false}},
		"default=it's,x":           {{"default", "it's", true}, {"x", "", false}},
		"default='\xff\x00'":       {{"default", "\xff\x00", true}},
		"comment=a=b":              {{"comment", "a=b", true}},
		"type=decimal(18, 6),auto": {{"type", "decimal(18, 6)", true}, {"auto", "", false}},
		"type=x(a(b,c)),auto":      {{"type", "x(a(b,c))", true}, {"auto", "", false}},
	} {
		got, err := splitTag(in)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s gives %v, %v; want %v", in, got, err, want)
		}
	}
	for _, in := range []string{"default='a", "default='a''", "type=x(", "type=x)"} {
		if got, err := splitTag(in); err == nil {
			t.Errorf("%s gives %v and no error", in, got)
		}
	}
}

// Tags that the compiler takes and reflection does not see; vet would not let
// them stand in a struct.
func TestMalformedTag(t *testing.T) {
	for in, want := range map[string]bool{
		`weft:primary`: true, `json:"x" weft: "unique"`: true, `weft :"x"`: true, `json:"x"weft:"y"`: true,
		`json:"weft"`: false, `validate:"required"`: false, `json:"x"`: false, ``: false,
	} {
		if malformedTag.MatchString(in) != want {
			t.Errorf("%s: want %v", in, want)
		}
	}
}

// timestamps: true must give fields that Build knows.
func TestStampFields(t *testing.T) {
	m := &Model{Name: "X", Fields: append([]*Field{{Name: "id", Type: UUID, Primary: true}}, stampFields()...)}
	if _, err := Build(m); err != nil {
		t.Fatal(err)
	}
	if m.CreatedF == nil || m.UpdatedF == nil {
		t.Error("the time stamps have no role")
	}
}

func TestNearest(t *testing.T) {
	known := []string{"userId", "user", "title", "createdAt"}
	for in, want := range map[string][]string{
		"userid": {"userId", "user"}, "titel": {"title"}, "created": {"createdAt"}, "zzz": nil,
	} {
		if got := nearest(in, known); !reflect.DeepEqual(got, want) {
			t.Errorf("nearest(%s) is %v, want %v", in, got, want)
		}
	}
}
