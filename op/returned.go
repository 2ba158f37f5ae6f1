package op

// Project gives of whole rows what Fields name, with the rows themselves when
// Fields is nil.
func (o *Op) Project(rows [][]any) ([][]any, error) {
	if o.Fields == nil {
		return rows, nil
	}
	pos := make([]int, len(o.Fields))
	for i, name := range o.Fields {
		f := o.Model.Field(name)
		if f == nil {
			return nil, Invalid(o.Model.Name, name, "field", "is no field of %s", o.Model.Name)
		}
		pos[i] = f.Pos
	}
	out := make([][]any, len(rows))
	for i, row := range rows {
		out[i] = make([]any, len(pos))
		for j, p := range pos {
			out[i][j] = row[p]
		}
	}
	return out, nil
}

// Foretold are the rows that an insert with Returning gives back when it
// succeeds, if they can be told beforehand because every value is given. An
// engine that is far from its database need not have them sent.
func (o *Op) Foretold() (rows [][]any, ok bool) {
	if o.Kind != Insert || !o.Returning || o.Model == nil || len(o.Rows) == 0 {
		return nil, false
	}
	for _, row := range o.Rows {
		if len(row) != len(o.Model.Fields) {
			return nil, false
		}
		for _, v := range row {
			if _, unset := v.(Unset); unset {
				return nil, false
			}
		}
	}
	rows, err := o.Project(o.Rows)
	return rows, err == nil
}
