package snippets

import (
	"errors"
	"os"
	"testing"
	"time"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/sqlengine/postgres"
)

// The address leads nowhere: the error says so, without the password.
func TestOpenPostgres(t *testing.T) {
	t.Setenv("DATABASE_URL", "postgres://app:secret@127.0.0.1:1/shop")
	// snippet:postgres
	engine := postgres.Open(os.Getenv("DATABASE_URL"), // postgres://app:secret@db.example.com/shop
		postgres.MaxConns(20),
		postgres.QueryTimeout(10*time.Second),
	)
	db, err := weft.Open(engine, weft.Models(Ticket{}, Reply{}), weft.AutoMigrate())
	// end:postgres
	if err == nil {
		must(t, db.Close())
	}
	if !errors.Is(err, weft.ErrDatabase) {
		t.Errorf("opening nothing gives %v", err)
	}
}
