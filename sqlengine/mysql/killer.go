package mysql

import (
	"context"
	"database/sql/driver"
	"errors"
	"strconv"
	"sync"
)

// killer stops statements by a connection of its own, which it keeps.
type killer struct {
	e    *Engine
	mu   sync.Mutex
	c    dconn
	host string // the server that it is connected to
}

var errOtherServer = errors.New("the address leads to another server now")

// kill stops what runs on a connection of the server host. It does nothing when
// it reaches another server, where the number is somebody else's.
func (k *killer) kill(id int64, host string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	for again := false; ; again = true {
		err := k.ready()
		if err == nil && k.host != host {
			k.drop()
			err = errOtherServer
		}
		if err == nil {
			ctx, cancel := context.WithTimeout(context.Background(), grace)
			_, err = k.c.(driver.ExecerContext).ExecContext(ctx, "KILL QUERY "+strconv.FormatInt(id, 10), nil)
			cancel()
			if number(err) == errNoThread { // it is gone
				return nil
			}
			if !broken(err) {
				return err
			}
			k.drop()
		}
		if again {
			return err
		}
	}
}

// ready connects.
func (k *killer) ready() error {
	if k.c != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	c, err := k.e.connector.Connect(ctx)
	if err != nil {
		return err
	}
	k.c = c.(dconn)
	rows, err := c.(driver.QueryerContext).QueryContext(ctx, "SELECT "+whichServer, nil)
	if err != nil {
		k.drop()
		return err
	}
	dest := make([]driver.Value, 1)
	err = rows.Next(dest)
	if b, ok := dest[0].([]byte); ok {
		k.host = string(b)
	}
	if cerr := rows.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		k.drop()
	}
	return err
}

func (k *killer) drop() {
	if k.c != nil {
		_ = k.c.Close()
		k.c, k.host = nil, ""
	}
}

func (k *killer) close() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.drop()
}
