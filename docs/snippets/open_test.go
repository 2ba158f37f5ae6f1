package snippets

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/open"
	"github.com/weftdb/weft/sqlengine/sqlite"
)

func TestOpenAddress(t *testing.T) {
	t.Setenv("DATABASE_URL", "sqlite:"+filepath.Join(t.TempDir(), "app.db")+"?readers=2")
	// snippet:address
	engine, err := open.URL(os.Getenv("DATABASE_URL"), sqlite.Scheme) // sqlite:app.db?readers=2
	if err != nil {
		t.Fatal(err)
	}
	db, err := weft.Open(engine, weft.Models(Ticket{}, Reply{}), weft.AutoMigrate())
	// end:address
	must(t, err)
	must(t, db.Close())
}

func TestOpenConnections(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("ARCHIVE", "archive")
	must(t, os.WriteFile("weft.yaml", []byte("connections:\n  default: sqlite:app.db\n  archive: sqlite:${ARCHIVE}.db?readonly=false\n"), 0o600))
	// snippet:connections
	connect := func(name string) (*weft.DB, error) {
		config, err := open.ReadConfig("weft.yaml")
		if err != nil {
			return nil, err
		}
		engine, err := config.Open(name, sqlite.Scheme) // and the schemes of the other engines
		if err != nil {
			return nil, err
		}
		return weft.Open(engine, weft.Models(Ticket{}, Reply{}), weft.AutoMigrate())
	}
	app, err := connect("default")
	if err != nil {
		t.Fatal(err)
	}
	defer app.Close()
	archive, err := connect("archive")
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	// end:connections
	must(t, weft.Repo[Ticket](app).Create(t.Context(), &Ticket{Code: "A"}))
	for name, db := range map[string]*weft.DB{"app": app, "archive": archive} {
		n, err := weft.Repo[Ticket](db).Count(t.Context())
		must(t, err)
		if want := map[string]int64{"app": 1, "archive": 0}[name]; n != want {
			t.Errorf("%s has %d tickets, want %d", name, n, want)
		}
	}
}
