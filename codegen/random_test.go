package codegen_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/weftdb/weft/schema"
)

var seed = flag.Uint64("seed", 1, "seed of the random models")

// chance draws parts of random YAML.
type chance struct{ *rand.Rand }

func (c chance) one(list ...string) string { return list[c.IntN(len(list))] }

func (c chance) maybe(n int, text string) string {
	if c.IntN(n) == 0 {
		return text
	}
	return ""
}

// text is hard to quote.
func (c chance) text() string {
	return c.one("plain", "a b", "it's", "''", "a, b", "(", "x)", `q"q`, "`", `\`, "a=b", " lead", "é€𝄞", "#", "a|b", "tab\tnl\n", "")
}

func quoted(s string) string { return fmt.Sprintf("%q", s) }

// fieldKinds are types with defaults that they take.
var fieldKinds = []struct {
	typ      string
	defaults []string
}{
	{"string", []string{"TEXT"}},
	{"string(80)", []string{"TEXT"}},
	{"text", []string{"TEXT"}},
	{"integer", []string{"0", "-7"}},
	{"bigInteger", []string{"0", "9223372036854775807"}},
	{"float", []string{"0", "-1.5e30", "3"}},
	{"decimal(18,6)", []string{"1.50", "-3"}},
	{"boolean", []string{"true", "false"}},
	{"date", []string{"2024-02-29", "now()"}},
	{"datetime", []string{"2024-02-29T10:11:12.5Z", "now()"}},
	{"timestamp", []string{"now()"}},
	{"time", []string{`"10:11:12"`, "now()"}},
	{"binary", []string{"!!binary AP8nLCg="}},
	{"uuid", []string{"0190a8f2-0000-7000-8000-000000000001"}},
	{"nanoid", nil},
	{"enum", nil},
	{"array", []string{`["a, b", 1, {"k": "it's"}]`}},
	{"object", []string{`{"z": 1.50, "a": null}`}},
	{"json", []string{`"te'xt"`, "[1]"}},
	{"jsonb", []string{`{"b": "\u0060"}`}},
	{"specificType(numeric(10, 2))", []string{"TEXT"}},
	{"specificType(int8)", nil},
}

// field draws one field as YAML.
func (c chance) field() string {
	k := fieldKinds[c.IntN(len(fieldKinds))]
	var b strings.Builder
	if k.typ == "enum" {
		b.WriteString(`type: enum, values: ["a", "in between", "x, y", "UP"]`)
		b.WriteString(c.maybe(2, ", default: in between"))
	} else {
		fmt.Fprintf(&b, "type: %q", k.typ)
		if k.defaults != nil && c.IntN(2) == 0 {
			d := c.one(k.defaults...)
			if d == "TEXT" {
				d = quoted(c.text())
			}
			b.WriteString(", default: " + d)
		}
	}
	text := strings.HasPrefix(k.typ, "string") || k.typ == "text"
	b.WriteString(c.maybe(3, ", nullable: true"))
	b.WriteString(c.maybe(6, ", required: true"))
	b.WriteString(c.maybe(6, ", comment: "+quoted(c.text())))
	b.WriteString(c.maybe(6, ", renamedFrom: "+quoted(c.one("old", "Old Name", "o'ld"))))
	b.WriteString(c.maybe(8, ", immutable: true"))
	if text {
		b.WriteString(c.maybe(4, ", validate: "+quoted(c.one("max=300", "required,max=1000", "omitempty,oneof='a b' c", "len=5"))))
		b.WriteString(c.maybe(4, ", search: true"))
		b.WriteString(c.maybe(6, ", transform: trim"))
		b.WriteString(c.maybe(5, ", unique: true"))
	}
	if k.typ == "integer" || k.typ == "bigInteger" {
		b.WriteString(c.maybe(4, ", index: "+c.one("true", "global")))
	}
	return "{" + b.String() + "}"
}

// model draws a model as YAML; others are the models that it can lead to.
func (c chance) model(n int, others []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "---\nmodel: Model%d\n", n)
	b.WriteString(c.maybe(3, fmt.Sprintf("table: %q\n", fmt.Sprintf("Table %d", n))))
	b.WriteString(c.maybe(4, "comment: "+quoted(c.text())+"\n"))
	b.WriteString(c.maybe(4, "version: 3\n"))
	b.WriteString(c.maybe(4, "kind: docstore\n"))
	b.WriteString(c.maybe(5, "cache: {ttl: "+c.one("1h", "90s", "1500ms", "0s")+"}\n"))
	b.WriteString(c.maybe(5, "pin: {strategy: "+c.one("fixed", "tiered", "own")+", factor: 2}\n"))
	b.WriteString(c.maybe(5, "events: {on: [updated], channels: [\"models/{id}\", \"it's\"]}\n"))
	if c.IntN(2) == 0 {
		b.WriteString("fields:\n  id: {type: uuid, primary: true}\n  timestamps: true\n  _version: {type: bigInteger, hidden: true, version: true}\n")
	} else {
		b.WriteString("fields:\n  id: {type: " + c.one("uuid", "string", "nanoid") + ", primary: true}\n")
	}
	names := []string{"title", "userId", "user_id", "URL", "httpURL", "_low", "größe", "type", "Name", "model", "tracked", "weft", "createdBy", "no", "x1", "x1y", "beforeCreate", "ids"}
	c.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	for i, name := range names[:3+c.IntN(8)] {
		f := c.field()
		switch {
		case c.IntN(6) == 0 || name == "user_id": // whose column is that of userId
			f = fmt.Sprintf("{column: \"Column %d\", %s", i, f[1:])
		case c.IntN(8) == 0 && name == "title":
			f = "{hidden: true, " + f[1:]
		}
		fmt.Fprintf(&b, "  %q: %s\n", name, f)
	}
	if c.IntN(3) == 0 {
		fmt.Fprintf(&b, "  homeCity: {embed: home, %s\n  homeZIP: {embed: home, column: home_zip_code, %s\n", c.field()[1:], c.field()[1:])
	}
	if len(others) > 0 {
		to := c.one(others...)
		fmt.Fprintf(&b, "  farId: {type: uuid, nullable: true}\nrelations:\n  far: {belongsTo: %s, fk: farId, eager: %t}\n", to, c.IntN(2) == 0)
	}
	return b.String()
}

// TestRandomModelsAreLossless compiles random models and compares what FromStruct
// says of them with the YAML they come from.
func TestRandomModelsAreLossless(t *testing.T) {
	c := chance{rand.New(rand.NewPCG(*seed, 0))}
	t.Logf("seed %d", *seed)
	sets := map[string]*schema.Set{}
	for s := range 6 {
		var text strings.Builder
		text.WriteString("model: Target\nfields: {id: {type: uuid, primary: true}}\n")
		for n := range 8 {
			text.WriteString(c.model(n, []string{"Target"}))
		}
		sets[fmt.Sprintf("random%d", s)] = parse(t, "random.yaml", []byte(text.String()))
	}
	got := readBack(t, sets, nil)
	for pkg, set := range sets {
		g, w := strings.Split(got[pkg], "\n"), strings.Split(yamlOf(t, set), "\n")
		for i := range max(len(g), len(w)) {
			if i >= len(g) || i >= len(w) || g[i] != w[i] {
				t.Errorf("%s: got\n%s\nwant\n%s", pkg, g[min(i, len(g)-1)], w[min(i, len(w)-1)])
				break
			}
		}
	}
}
