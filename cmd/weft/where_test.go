package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

func shopModels(t testing.TB) *schema.Set {
	t.Helper()
	models, err := readModels([]string{filepath.Join("testdata", "shop", "models.yaml")})
	if err != nil {
		t.Fatal(err)
	}
	set, err := schema.Build(models...)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// say writes a condition for tests.
func say(c op.Cond) string {
	switch c.Kind {
	case op.Has:
		return c.Relation + "(" + say(c.Conds[0]) + ")"
	case op.Compare:
		place := strings.Join(append([]string{c.Field}, c.Path...), "/")
		if c.List != nil {
			return fmt.Sprintf("%s %s %#v", place, c.Op, c.List)
		}
		return fmt.Sprintf("%s %s %#v", place, c.Op, c.Value)
	}
	return fmt.Sprintf("kind %d", c.Kind)
}

func TestWhere(t *testing.T) {
	book := shopModels(t).Model("Book")
	for text, want := range map[string]string{
		`title like rock`:             `title like "rock"`,
		`title  LIKE   hard rock `:    `title like "hard rock"`,
		`title=rock`:                  `title = "rock"`,
		`title == rock`:               `title = "rock"`,
		`title <> rock`:               `title != "rock"`,
		`title != null`:               `title != <nil>`,
		`title = NULL`:                `title = <nil>`,
		`title = 'null'`:              `title = "null"`,
		`title = ''`:                  `title = ""`,
		`title = ""`:                  `title = ""`,
		`title = ' x '`:               `title = " x "`,
		`title = 'it''s'`:             `title = "it's"`,
		`title = "say ""x"""`:         `title = "say \"x\""`,
		`title = it's`:                `title = "it's"`,
		`title = 'tis`:                `title = "'tis"`,
		`title = 'a' and 'b'`:         `title = "'a' and 'b'"`,
		`title = a,b`:                 `title = "a,b"`,
		`title starts with in`:        `title starts with "in"`,
		`title Starts  With x`:        `title starts with "x"`,
		`title like"x"`:               `title like "x"`,
		`title like in`:               `title like "in"`,
		`title in a, b ,'c, d',"e"`:   `title in []interface {}{"a", "b", "c, d", "e"}`,
		`title not in a`:              `title not in []interface {}{"a"}`,
		`title in null, 'null'`:       `title in []interface {}{interface {}(nil), "null"}`,
		`title is null`:               `title is null <nil>`,
		`title is not null`:           `title not null <nil>`,
		`title not null`:              `title not null <nil>`,
		`sold >= 1990`:                `sold >= 1990`,
		`sold>=-5`:                    `sold >= -5`,
		`sold = 9007199254740993`:     `sold = 9007199254740993`,
		`sold between 1, 9`:           `sold between []interface {}{1, 9}`,
		`weight < 1.5`:                `weight < 1.5`,
		`inPrint = yes`:               `inPrint = true`,
		`cover = 00ff`:                `cover = []byte{0x0, 0xff}`,
		`author.name = AC/DC`:         `author(name = "AC/DC")`,
		`author.books.sold > 3`:       `author(books(sold > 3))`,
		`genres.name in Craft, Maths`: `genres(name in []interface {}{"Craft", "Maths"})`,
		`meta.lang = en`:              `meta/lang = "en"`,
		`meta.pages.max > 10`:         `meta/pages/max > 10`,
		`tags contains 5`:             `tags contains 5`,
		`author.books.meta.lang = en`: `author(books(meta/lang = "en"))`,
	} {
		c, err := parseWhere(book, text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := say(c); got != want {
			t.Errorf("%s is read as %s, want %s", text, got, want)
		}
	}
}

// Whatever a person types is an error or a condition that an engine takes.
func FuzzWhere(f *testing.F) {
	for _, s := range []string{
		`title like rock`, `sold>=5`, `author.name = 'it''s'`, `title in a,'b,c'`, `x`, ``, `meta.a.b != null`, `a is not null`,
		`tags contains "x"`, `sold between 1,2`, `title % 100%`, "title = \x00", "\xff = 1", `author. = 1`, `author..name = 1`,
	} {
		f.Add(s)
	}
	book := shopModels(f).Model("Book")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := parseWhere(book, text)
		if err != nil {
			if err.Error() == "" || (strings.Contains(err.Error(), "%!") && !strings.Contains(text, "%")) {
				t.Errorf("%q: the error is %q", text, err)
			}
			return
		}
		o := op.Op{Kind: op.Count, Model: book, Filter: c}
		if err := op.Normalize(&o); err != nil && op.CodeOf(err) != op.CodeValidation {
			t.Errorf("%q: %v", text, err)
		}
	})
}
