package wire

import (
	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

// migration writes what a migration brings the schema to, the models as YAML.
func (e *encoder) migration(m *op.Migration) {
	if m == nil {
		return
	}
	at := e.open(opMigration)
	if m.Models != nil {
		text, err := schema.SetYAML(m.Models)
		if err != nil {
			e.fail("write the models of a migration as YAML: %w", err)
		}
		e.mustStr(1, string(text))
	}
	e.flag(2, m.Apply)
	e.close(at)
}

func (d *decoder) migration(f *field) *op.Migration {
	m := new(op.Migration)
	d.message(f, func(d *decoder) {
		for f := (field{}); d.next(&f); {
			switch f.num {
			case 1:
				m.Models = d.models(&f)
			case 2:
				m.Apply = d.flag(&f)
			default:
				d.unknown(&f)
			}
		}
	})
	return m
}

// models builds the set that was written as YAML.
func (d *decoder) models(f *field) *schema.Set {
	text := d.str(f)
	if d.err != nil {
		return nil
	}
	models, err := schema.ParseYAML("migration", []byte(text))
	if err == nil {
		var s *schema.Set
		if s, err = schema.Build(models...); err == nil {
			return s
		}
	}
	d.fail(d.code, "the models of a migration: %w", err)
	return nil
}
