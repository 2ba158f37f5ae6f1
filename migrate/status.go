package migrate

import (
	"context"

	"github.com/weftdb/weft/migrate/journal"
	"github.com/weftdb/weft/migrate/lock"
)

// Status is what is known of the migrations of a database.
type Status struct {
	Lock       *lock.Holder   // who migrates at the moment; nil when nobody does
	Unfinished *journal.Run   // MySQL: the run that stands in the middle, see its At; nil when none does
	Runs       []*journal.Run // the last 20, the newest first
}

// Status tells who holds the lock, where an unfinished run stands and what the
// last runs did. It changes nothing and waits for nobody.
func (m *Migrator) Status(ctx context.Context) (*Status, error) {
	var s Status
	var err error
	if s.Lock, err = lock.Look(ctx, m.db, m.dialect, lock.Migrations); err != nil {
		return nil, err
	}
	j := journal.New(m.db, m.dialect)
	if s.Unfinished, err = j.Unfinished(ctx); err != nil {
		return nil, err
	}
	if s.Runs, err = j.Last(ctx, 20); err != nil {
		return nil, err
	}
	return &s, nil
}
