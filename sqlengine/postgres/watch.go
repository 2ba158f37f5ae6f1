package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
)

// watch has the server give up a statement whose context has ended. The
// connection is good afterwards; only when the server does not answer is it
// closed.
func watch(pg *pgconn.PgConn) ctxwatch.Handler { return &watcher{pg: pg} }

// watcher asks the server to give up what runs on a connection.
type watcher struct {
	pg       *pgconn.PgConn
	unwatch  context.CancelFunc
	finished chan struct{}
}

// grace is how long the server may take to give up a statement.
const grace = 5 * time.Second

// settle is how long a request to give up may be on its way after the server
// has taken it. Before that the next statement must not be sent.
const settle = 100 * time.Millisecond

// HandleCancel asks the server until the statement has ended. Once is not
// enough: the request comes by a connection of its own and may overtake the
// statement, and then finds nothing to give up.
func (w *watcher) HandleCancel(context.Context) {
	deadline := time.Now().Add(grace)
	_ = w.pg.Conn().SetDeadline(deadline)
	watched, unwatch := context.WithDeadline(context.Background(), deadline)
	w.unwatch, w.finished = unwatch, make(chan struct{})
	go func() {
		defer close(w.finished)
		for pause := settle; watched.Err() == nil; pause *= 2 {
			_ = w.pg.CancelRequest(watched) // the deadline is for when it fails
			time.Sleep(settle)
			select {
			case <-w.pg.CleanupDone(): // the connection was closed
				return
			case <-watched.Done():
			case <-time.After(pause - settle):
			}
		}
	}()
}

// HandleUnwatchAfterCancel waits until no request can hit the next statement.
func (w *watcher) HandleUnwatchAfterCancel() {
	w.unwatch()
	<-w.finished
	_ = w.pg.Conn().SetDeadline(time.Time{})
}
