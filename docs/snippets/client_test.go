package snippets

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/client"
	"github.com/weftdb/weft/op"
)

// snippet:client
func useCluster(ctx context.Context) (err error) {
	cfg := client.DefaultConfig("my-app")
	cfg.BootstrapPeers = []string{
		"/ip4/10.0.0.1/tcp/4001/p2p/12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN",
		"/dns4/db2.example.com/tcp/4001/p2p/12D3KooWQYhTNQdmr3ArTeUHRYzFg94BKyTkoWBDWez9kSCVe2Xo",
	}
	c, err := client.New(cfg)
	if err != nil {
		return err
	}
	if err := c.Connect(ctx); err != nil {
		return err
	}
	defer c.Disconnect()

	res, err := c.Database().Query(ctx, "SELECT id, name FROM users WHERE name = ?", "Alice")
	if err != nil {
		return err
	}
	for _, row := range res.Rows {
		fmt.Println(row[0], row[1])
	}
	return nil
}

// end:client

func clientStatements(ctx context.Context, c *client.Client) error {
	// snippet:client-statements
	db := c.Database()
	err := db.CreateTable(ctx, `CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT UNIQUE, credit INTEGER)`)
	if err != nil {
		return err
	}
	made, err := db.Execute(ctx, "INSERT INTO users (name, credit) VALUES (:name, :credit)",
		sql.Named("name", "Alice"), sql.Named("credit", 100))
	if err != nil {
		return err
	}
	fmt.Println(made.LastInsertID, made.RowsAffected)
	_, err = db.Transaction(ctx, // all of them or none
		client.SQL("UPDATE users SET credit = credit - ? WHERE name = ?", 10, "Alice"),
		client.SQL("UPDATE users SET credit = credit + ? WHERE name = ?", 10, "Bob"),
	)
	// end:client-statements
	return err
}

func clientLevels(ctx context.Context, db *client.Database) error {
	// snippet:client-levels
	sure, err := db.WithConsistency(op.Linearizable).Query(ctx, "SELECT credit FROM users WHERE name = ?", "Alice")
	if err != nil {
		return err
	}
	near, err := db.WithFreshness(5*time.Second).Query(ctx, "SELECT count(*) FROM users")
	// end:client-levels
	_, _ = sure, near
	return err
}

func clientModels(cfg client.Config) error {
	// snippet:client-models
	db, err := weft.Open(client.Open(cfg), weft.Models(Ticket{}, Reply{}), weft.AutoMigrate())
	if err != nil {
		return err
	}
	defer db.Close()
	// end:client-models
	return nil
}

func clientHealth(ctx context.Context, c *client.Client, file io.Writer) error {
	// snippet:client-health
	h, err := c.Health(ctx) // healthy, degraded or unhealthy
	if err != nil {
		return err
	}
	for name, check := range h.Checks { // network, cluster, database
		fmt.Println(name, check.Status, check.Message, check.Took)
	}
	st, err := c.Network().Status(ctx) // NodeID, Connected, PeerCount, DatabaseSize, Uptime
	if err != nil {
		return err
	}
	fmt.Println(st.PeerCount, "nodes connected,", st.DatabaseSize, "bytes")
	err = c.Database().Backup(ctx, file) // a SQLite file
	// end:client-health
	return err
}

// The code of docs/client.md needs a cluster, which package client's own tests
// have; here it is held to say what is wrong without one.
func TestClientPage(t *testing.T) {
	c, err := client.New(func() client.Config {
		cfg := client.DefaultConfig("test")
		cfg.BootstrapPeers = []string{"/ip4/127.0.0.1/tcp/1/p2p/12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN"}
		return cfg
	}())
	must(t, err)
	for name, err := range map[string]error{
		"statements": clientStatements(t.Context(), c), "levels": clientLevels(t.Context(), c.Database()),
		"health": clientHealth(t.Context(), c, io.Discard), "models": clientModels(client.Config{}),
	} {
		if err == nil {
			t.Errorf("%s works without a cluster", name)
		}
	}
	_ = useCluster // it would dial hosts of others
}
