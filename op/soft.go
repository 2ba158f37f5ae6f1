package op

import "github.com/weftdb/weft/schema"

// Live is the condition that holds for rows of the model that are not marked
// deleted: always, for a model without soft delete.
func Live(m *schema.Model) Cond {
	if m == nil || m.DeletedF == nil {
		return Cond{}
	}
	return Cmp(m.DeletedF.Name, Eq, nil)
}

// Deleted reports whether a row, which has all fields of the model in their
// order, is marked deleted.
func Deleted(m *schema.Model, row []any) bool {
	if m.DeletedF == nil {
		return false
	}
	switch row[m.DeletedF.Pos].(type) {
	case nil, Unset:
		return false
	}
	return true
}

// softDelete checks the two parts of an operation that are for models with
// soft delete.
func softDelete(o *Op) error {
	if o.Model.DeletedF == nil {
		return noSoftDelete(o.Model)
	}
	if o.Purge && o.Kind != Delete {
		return Errorf(CodeValidation, "purge is for delete, not for %s", o.Kind)
	}
	return nil
}

func noSoftDelete(m *schema.Model) error {
	return Errorf(CodeUnsupported, "%s has no soft delete: embed weft.SoftDelete, or tag a nullable time deleted", m.Name)
}
