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

// kind is what people call the kind of a database.
func (t *target) kind() string {
	switch {
	case t.dialect == catalog.Postgres:
		return "PostgreSQL"
	case t.mariadb:
		return "MariaDB"
	case t.dialect == catalog.MySQL:
		return "MySQL"
	}
	return "SQLite"
}
