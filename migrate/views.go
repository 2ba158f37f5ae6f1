package migrate

import (
	"slices"

	"github.com/weftdb/weft/migrate/catalog"
)

// aroundViews drops the views of PostgreSQL that keep a column from getting
// another type, and makes them again afterwards.
func (c *tableDiff) aroundViews(stmts []string) []string {
	var views []*catalog.View
	var readers func(name string)
	readers = func(name string) { // each before what it reads
		for _, v := range c.differ.have.Views {
			if slices.Contains(v.Uses, name) && !slices.Contains(views, v) {
				readers(v.Name)
				views = append(views, v)
			}
		}
	}
	readers(c.nowName())
	var before, after []string
	now := map[string]string{}
	if len(views) > 0 {
		var err error
		if now, err = c.viewsRenamed(); err != nil {
			c.refuse(c.t.name, "", "its views cannot be read: %v", err)
			return stmts
		}
	}
	for _, v := range views {
		if v.Materialized {
			c.refuse(c.t.name, "", "the materialized view %s reads the table and keeps the column as it is; drop it, migrate and make it again", v.Name)
			return stmts
		}
		before = append(before, "DROP VIEW "+c.quote(v.Name))
		sql := v.SQL
		if s := now[v.Name]; s != "" {
			sql = s
		}
		after = append(after, sql)
	}
	slices.Reverse(after)
	return slices.Concat(before, stmts, after)
}

// nowName is the name that the table has until it is renamed.
func (c *tableDiff) nowName() string {
	if old, renamed := c.was.tables[c.t.name]; renamed {
		return old
	}
	return c.have.Name
}

// viewsRenamed are the statements of views as they read when the renames of the
// plan are done.
func (c *tableDiff) viewsRenamed() (map[string]string, error) {
	out := map[string]string{}
	if len(c.was.tables)+len(c.was.columns) == 0 {
		return out, nil
	}
	return out, c.inSavepoint(func() error {
		for _, s := range c.Steps {
			if s.Kind == RenameTable || s.Kind == RenameColumn {
				if err := c.exec(s.SQL[0]); err != nil {
					return err
				}
			}
		}
		db, err := catalog.Inspect(c.ctx, c.conn, c.to.dialect, catalog.InspectOptions{Tables: []string{metaTable}})
		if err != nil {
			return err
		}
		for _, v := range db.Views {
			out[v.Name] = v.SQL
		}
		return nil
	})
}
