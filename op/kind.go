package op

var kindNames = [...]string{
	Find: "find", Count: "count", Aggregate: "aggregate", Insert: "insert", Update: "update",
	Delete: "delete", Upsert: "upsert", Increment: "increment", Batch: "batch", Watch: "watch",
	SQL: "sql", Migrate: "migrate", Backup: "backup",
}

// String returns the kind as a verb: "find", "insert", …
func (k Kind) String() string {
	if k >= Find && int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "?"
}

// Writes reports whether an operation of this kind can change data. Raw SQL
// counts as a write.
func (k Kind) Writes() bool {
	switch k {
	case Insert, Update, Delete, Upsert, Increment, Batch, SQL, Migrate:
		return true
	}
	return false
}

// Writes reports whether the operation can change data: a batch does when one
// of its members does.
func (o *Op) Writes() bool {
	if o.Kind != Batch {
		return o.Kind.Writes()
	}
	for i := range o.Batch {
		if o.Batch[i].Writes() {
			return true
		}
	}
	return false
}

// Describe names the operation for error messages: "insert Post".
func (o *Op) Describe() string {
	if o.Model == nil {
		return o.Kind.String()
	}
	return o.Kind.String() + " " + o.Model.Name
}
