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
	for _, v := range views {
		if v.Materialized {
			c.refuse(c.t.name, "", "the materialized view %s reads the table and keeps the column as it is; drop it, migrate and make it again", v.Name)
			return stmts
		}
		before = append(before, "DROP VIEW "+c.quote(v.Name))
		after = append(after, v.SQL)
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
