package migrate

import (
	"github.com/weftdb/weft/migrate/catalog"
	"github.com/weftdb/weft/schema"
)

// meant are the types behind the words that Weft declares columns with. INT is
// only known by the table: elsewhere it holds 64 bits as every integer does.
var meant = func() map[string]schema.Type {
	out := map[string]schema.Type{}
	for t, words := range declared {
		if t != schema.Integer {
			out[words] = t
		}
	}
	return out
}()

// MeantSQLite is the type behind words that Weft declares columns of SQLite
// with, "" for others. INT, which others write too, is not among them.
func MeantSQLite(words string) schema.Type { return meant[words] }

// FitsSQLite reports whether values of the field can live in a column of
// SQLite that is declared with that canonical type, as it is.
func FitsSQLite(have string, f *schema.Field) bool { return fits(have, f) }

// CheckSpecific says why a text cannot be a specificType: it would end the
// declaration of the column, or names no type.
func CheckSpecific(dbType string) error { return checkSpecific(dbType) }

// numbers are the numbers in a list with commas.
func numbers(s string) []int { return catalog.TypeArgs("(" + s) }
