package migrate

import (
	"context"
	"database/sql"
	"strings"

	"github.com/weftdb/weft/migrate/catalog"
	"github.com/weftdb/weft/schema"
)

// Difference is something in the database that is not as the models want it
// and that adding cannot bring about.
type Difference struct {
	Table   string `json:"table"`
	Name    string `json:"name,omitempty"` // of the column or index
	Message string `json:"message"`
}

// Differences are all that were found, as one error.
type Differences []Difference

func (d Differences) Error() string {
	parts := make([]string, len(d))
	for i, x := range d {
		who := x.Table
		if x.Name != "" {
			who += "." + x.Name
		}
		parts[i] = who + ": " + x.Message
	}
	return strings.Join(parts, "; ")
}

// plan says what AutoMigrate does on SQLite. It runs inside a transaction, so
// that what it looks at does not move.
func plan(ctx context.Context, conn *sql.Conn, set *schema.Set) (*Plan, error) {
	m := &Migrator{dialect: catalog.SQLite, set: set, o: Options{Additive: true}}
	p, err := m.plan(ctx, conn)
	if err != nil {
		return nil, err
	}
	if len(p.Refusals) > 0 {
		return nil, p.refused()
	}
	return p, nil
}

func orUntyped(s string) string {
	if s == "" {
		return "without a type"
	}
	return s
}
