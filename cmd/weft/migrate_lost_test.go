package main

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The server ends the connection in the middle of a step, which another session
// keeps waiting. The error says where it stopped and what is left; when the way
// is free, apply does all of it.
func TestServerThatGoesAway(t *testing.T) {
	for name, how := range map[string]struct{ find, kill, left, unfinished string }{
		"postgres": {
			find: "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE 'ALTER TABLE%'",
			kill: "SELECT pg_terminate_backend(%d)",
			left: "Nothing was changed",
		},
		"mysql": {
			find: "SELECT id FROM information_schema.processlist WHERE db = database() AND state LIKE 'Waiting for table metadata lock%' AND info LIKE 'ALTER TABLE%'",
			kill: "KILL %d",
			left: "What came before is done and recorded: the next apply goes on here", unfinished: "unfinished: run 2 of ",
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir, url := t.TempDir(), engines[name](t)
			models := func(likes string) []string {
				text := "model: Post\nfields:\n  id: {type: integer, primary: true, auto: true}\n  likes: {type: " + likes + "}\n"
				file := filepath.Join(dir, "posts.yaml")
				if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
				return []string{"--url", url, "--schema", file}
			}
			apply := func(args []string) (int, string) {
				var out, errOut bytes.Buffer
				status := run(t.Context(), append([]string{"migrate", "apply"}, args...), &out, &errOut)
				return status, out.String() + errOut.String()
			}
			if status, out := apply(models("integer")); status != exitOK {
				t.Fatal(out)
			}
			s, err := openServer(t.Context(), url)
			if err != nil {
				t.Fatal(err)
			}
			defer s.close()
			tx, err := s.db.BeginTx(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer tx.Rollback()
			var n int
			if err := tx.QueryRow("SELECT count(*) FROM posts").Scan(&n); err != nil {
				t.Fatal(err)
			}

			args := models("bigInteger")
			type ended struct {
				status int
				out    string
			}
			end := make(chan ended, 1)
			go func() {
				status, out := apply(args)
				end <- ended{status, out}
			}()
			if err := killWhenThere(t.Context(), s.db, how.find, how.kill); err != nil {
				t.Fatal(err)
			}
			got := <-end
			for _, want := range []string{"step 1 of 1 (alter_column posts.likes), statement 1 of 1: ALTER TABLE", how.left} {
				if got.status != exitError || !strings.Contains(got.out, want) {
					t.Errorf("status %d, %q, want %q", got.status, got.out, want)
				}
			}
			var out, errOut bytes.Buffer
			if status := run(t.Context(), []string{"migrate", "status", "--url", url}, &out, &errOut); status != exitOK ||
				strings.Contains(out.String(), "unfinished") != (how.unfinished != "") || !strings.Contains(out.String(), how.unfinished) {
				t.Errorf("status %d, %s%s", status, out.String(), errOut.String())
			}
			if err := tx.Rollback(); err != nil {
				t.Fatal(err)
			}
			if status, out := apply(args); status != exitOK {
				t.Errorf("status %d, %s", status, out)
			}
			if status, out := apply(args); status != exitOK || !strings.Contains(out, "nothing to do") {
				t.Errorf("status %d, %s", status, out)
			}
		})
	}
}

// killWhenThere ends the connection that a query finds, as soon as it does.
func killWhenThere(ctx context.Context, db *sql.DB, find, kill string) error {
	retry := time.NewTicker(20 * time.Millisecond)
	defer retry.Stop()
	deadline := time.After(2 * time.Minute)
	for {
		var id int64
		err := db.QueryRowContext(ctx, find).Scan(&id)
		if err == nil {
			_, err = db.ExecContext(ctx, fmt.Sprintf(kill, id))
			return err
		}
		select {
		case <-deadline:
			return fmt.Errorf("nothing waits: %w", err)
		case <-retry.C:
		}
	}
}
