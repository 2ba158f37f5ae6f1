package migrate_test

import (
	"context"
	"testing"

	"github.com/weftdb/weft/migrate"
	"github.com/weftdb/weft/schema"
)

func (p place) plan(t testing.TB, set *schema.Set, o migrate.Options) *migrate.Plan {
	t.Helper()
	plan, err := migrate.New(p.db, p.dialect, set, o).Plan(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

// apply plans and applies, and checks that nothing is left to do.
func (p place) apply(t testing.TB, set *schema.Set, o migrate.Options) *migrate.Plan {
	t.Helper()
	m := migrate.New(p.db, p.dialect, set, o)
	plan := p.plan(t, set, o)
	if err := m.Apply(context.Background(), plan); err != nil {
		t.Fatalf("%v\n%s", err, plan)
	}
	if again := p.plan(t, set, o); !again.Empty() {
		t.Fatalf("the second plan is not empty:\n%s\nafter\n%s", again, plan)
	}
	return plan
}

func TestEveryType(t *testing.T) {
	places(t, func(t *testing.T, p place) {
		p.apply(t, build(t, everyType()), migrate.Options{})
		p.apply(t, structs(t, member{}, letter{}), migrate.Options{})
	})
}
