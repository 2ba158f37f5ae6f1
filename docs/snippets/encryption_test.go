package snippets

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/sqlengine/sqlite"
)

// snippet:encrypted-model
type Patient struct {
	weft.Model
	Name      string   `weft:"index"`
	Insurance string   `weft:"encrypted" validate:"required"`
	Weight    *int64   `weft:"encrypted"` // any type; NULL stays NULL
	Findings  []string `weft:"encrypted"`
}

// end:encrypted-model

func openClinic(path string) (*weft.DB, error) {
	// snippet:encrypted-open
	ring, err := weft.ParseKeyRing(os.Getenv("APP_KEYS")) // "2025:secret" or "2025:secret,2024:secret"
	if err != nil {
		return nil, err
	}
	return weft.Open(sqlite.Open(path), weft.Models(Patient{}), weft.AutoMigrate(), weft.Encrypt(ring))
	// end:encrypted-open
}

func rotate(ctx context.Context, db *weft.DB) error {
	// snippet:encrypted-rotate
	err := db.Rotate(ctx, weft.Rotation{
		Progress: func(model string, done, total int64) { fmt.Printf("%s: %d of %d\n", model, done, total) },
	})
	if err != nil {
		return err
	}
	use, err := db.KeyUse(ctx)
	if err != nil {
		return err
	}
	for _, u := range use {
		fmt.Printf("%s.%s: %d values under key %q\n", u.Model, u.Field, u.Rows, u.Key)
	}
	// end:encrypted-rotate
	return nil
}

func adopt(ctx context.Context, db *weft.DB) error {
	// snippet:encrypted-adopt
	err := db.Rotate(ctx, weft.Rotation{Adopt: true})
	// end:encrypted-adopt
	return err
}

func TestEncryption(t *testing.T) {
	ctx := t.Context()
	path := filepath.Join(t.TempDir(), "clinic.db")
	old, next := weft.GenerateKey(), weft.GenerateKey()
	t.Setenv("APP_KEYS", old.Secret())
	db, err := openClinic(path)
	if err != nil {
		t.Fatal(err)
	}
	p := &Patient{Name: "Ada", Insurance: "A-1", Findings: []string{"well"}}
	if err := weft.Repo[Patient](db).Create(ctx, p); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	t.Setenv("APP_KEYS", next.Secret()+","+old.Secret())
	if db, err = openClinic(path); err != nil {
		t.Fatal(err)
	}
	if err := rotate(ctx, db); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(ctx, "UPDATE patients SET insurance = 'A-2'"); err != nil {
		t.Fatal(err)
	}
	if err := adopt(ctx, db); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	t.Setenv("APP_KEYS", next.Secret())
	if db, err = openClinic(path); err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	got, err := weft.Repo[Patient](db).Find(ctx, p.ID)
	if err != nil || got.Insurance+strings.Join(got.Findings, "") != "A-2well" {
		t.Errorf("got %+v, %v", got, err)
	}
}
