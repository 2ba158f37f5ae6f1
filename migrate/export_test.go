package migrate

// SetHook has fn called around each statement of a run: at "before", "after"
// and, where each statement is recorded, "saved". An error of fn is that of the
// statement.
func (m *Migrator) SetHook(fn func(step, statement int, at string) error) {
	m.hook = func(step, statement int, at moment) error { return fn(step, statement, string(at)) }
}
