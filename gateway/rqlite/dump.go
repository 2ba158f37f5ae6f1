package rqlite

import (
	"bufio"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/weftdb/weft/door"
)

// schemaQuery reads what a dump creates. Weft's own tables of a group are left
// out, for nobody could load them.
const schemaQuery = `SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL
AND name NOT LIKE 'sqlite\_%' ESCAPE '\' AND tbl_name NOT LIKE 'weft\_group\_%' ESCAPE '\' ORDER BY name`

// thing is an entry of the schema.
type thing struct{ kind, name, sql string }

func (t thing) virtual() bool {
	f := strings.Fields(t.sql)
	return t.kind == "table" && len(f) > 1 && strings.EqualFold(f[1], "VIRTUAL")
}

// dumpOnce writes a dump unless the schema changes while it begins; then it
// has written nothing.
func dumpOnce(ctx context.Context, g door.Group, w io.Writer) (done bool, err error) {
	first, err := ask(ctx, g, schemaQuery)
	if err != nil {
		return false, err
	}
	things, err := readSchema(first[0])
	if err != nil {
		return false, err
	}
	tables := dumped(things)
	queries := []string{schemaQuery}
	for _, t := range tables {
		columns, err := stored(ctx, g, t)
		if err != nil {
			return false, err
		}
		queries = append(queries, "SELECT "+columns+" FROM "+quoteName(t.name))
	}
	answers, err := ask(ctx, g, queries...)
	if err != nil {
		return false, err
	}
	again, err := readSchema(answers[0])
	if err != nil || !slices.Equal(again, things) {
		return false, err
	}
	out := bufio.NewWriterSize(w, 64<<10)
	fmt.Fprint(out, "PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\n")
	for i, t := range tables {
		fmt.Fprintf(out, "%s;\n", t.sql)
		writeRows(out, t, answers[i+1])
	}
	for _, t := range things {
		if t.kind != "table" {
			fmt.Fprintf(out, "%s;\n", t.sql)
		}
	}
	fmt.Fprint(out, "COMMIT;\n")
	return true, out.Flush()
}

// stored are the columns of a table that a dump writes: all but those that are
// computed.
func stored(ctx context.Context, g door.Group, t thing) (string, error) {
	if !computed.MatchString(t.sql) {
		return "*", nil
	}
	a, err := ask(ctx, g, "PRAGMA table_info("+quoteName(t.name)+")") // leaves them out
	if err != nil {
		return "", err
	}
	var names []string
	for _, row := range a[0].Rows {
		if name, ok := row[1].(string); ok {
			names = append(names, quoteName(name))
		}
	}
	return strings.Join(names, ","), nil
}

var computed = regexp.MustCompile(`(?i)\bAS\s*\(`)

// ask reads at one point in time.
func ask(ctx context.Context, g door.Group, queries ...string) ([]door.Answer, error) {
	q := door.Request{Atomic: true, ReadOnly: true}
	for _, s := range queries {
		q.Statements = append(q.Statements, door.Statement{SQL: s})
	}
	answers, err := g.Run(ctx, q)
	if err != nil {
		return nil, err
	}
	for _, a := range answers {
		if a.Err != nil {
			return nil, a.Err
		}
	}
	if len(answers) != len(queries) {
		return nil, fmt.Errorf("%d answers to %d queries", len(answers), len(queries))
	}
	return answers, nil
}

func readSchema(a door.Answer) ([]thing, error) {
	var out []thing
	for _, row := range a.Rows {
		var f [3]string
		for i := range f {
			if i >= len(row) {
				return nil, fmt.Errorf("the schema has rows of %d columns", len(row))
			}
			f[i], _ = row[i].(string)
		}
		out = append(out, thing{f[0], f[1], f[2]})
	}
	return out, nil
}

// dumped are the tables whose definition goes into a dump: all but those in
// which virtual ones keep their content, which the latter make themselves.
func dumped(things []thing) []thing {
	var out []thing
	for _, t := range things {
		if t.kind != "table" {
			continue
		}
		shadow := slices.ContainsFunc(things, func(v thing) bool {
			return v.virtual() && v.name != t.name && strings.HasPrefix(t.name, v.name+"_") && slices.Contains(shadows, t.name[len(v.name)+1:])
		})
		if !shadow {
			out = append(out, t)
		}
	}
	return out
}

// shadows are the endings of the tables in which FTS and R*Tree keep theirs.
var shadows = []string{
	"data", "idx", "content", "docsize", "config", "segments", "segdir", "stat", "node", "parent", "rowid",
}

func writeRows(out *bufio.Writer, t thing, a door.Answer) {
	if t.virtual() && strings.Contains(strings.ToLower(t.sql), "content=") {
		// Its rows are those of another table.
		fmt.Fprintf(out, "INSERT INTO %s(%s) VALUES('rebuild');\n", quoteName(t.name), quoteName(t.name))
		return
	}
	names := make([]string, len(a.Columns))
	for i, c := range a.Columns {
		names[i] = quoteName(c)
	}
	head := "INSERT INTO " + quoteName(t.name) + "(" + strings.Join(names, ",") + ") VALUES("
	var b []byte
	for _, row := range a.Rows {
		b = append(b[:0], head...)
		for i, v := range row {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendLiteral(b, v)
		}
		b = append(b, ");\n"...)
		_, _ = out.Write(b) // Flush tells
	}
}

func quoteName(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }

// appendLiteral writes a value as SQL that gives the same again.
func appendLiteral(b []byte, v any) []byte {
	switch x := v.(type) {
	case int64:
		return strconv.AppendInt(b, x, 10)
	case float64:
		switch {
		case math.IsInf(x, 1):
			return append(b, "9e999"...)
		case math.IsInf(x, -1):
			return append(b, "-9e999"...)
		}
		n := len(b)
		b = strconv.AppendFloat(b, x, 'g', -1, 64)
		if !strings.ContainsAny(string(b[n:]), ".e") {
			b = append(b, ".0"...) // or it would be an integer
		}
		return b
	case string:
		if strings.IndexByte(x, 0) >= 0 { // SQL ends there
			return append(append(append(b, "CAST(X'"...), hex.EncodeToString([]byte(x))...), "' AS TEXT)"...)
		}
		return append(append(append(b, '\''), strings.ReplaceAll(x, "'", "''")...), '\'')
	case []byte:
		return append(append(append(b, "X'"...), hex.EncodeToString(x)...), '\'')
	}
	return append(b, "NULL"...)
}
