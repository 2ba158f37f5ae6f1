package main

import (
	"bytes"
	"encoding/json"
	"io"

	"github.com/weftdb/weft/migrate/catalog"
)

// answerJSON writes an answer for programs.
func answerJSON(w io.Writer, v any) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return err
	}
	_, err := w.Write(b.Bytes())
	return err
}

// dialectName is what people call a kind of database.
func dialectName(d catalog.Dialect) string {
	switch d {
	case catalog.Postgres:
		return "PostgreSQL"
	case catalog.MySQL:
		return "MySQL"
	}
	return "SQLite"
}
