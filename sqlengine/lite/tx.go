package lite

import (
	"strconv"

	"github.com/weftdb/weft/sqlengine"
)

// The statements of transactions. BeginRead takes its snapshot with the first
// read.
var (
	BeginWrite = &sqlengine.Statement{SQL: "BEGIN IMMEDIATE"}
	BeginRead  = &sqlengine.Statement{SQL: "BEGIN"}
	Commit     = &sqlengine.Statement{SQL: "COMMIT"}
	Rollback   = &sqlengine.Statement{SQL: "ROLLBACK"}
)

// Savepoint is the statements of a nested transaction.
type Savepoint struct {
	Save    *sqlengine.Statement
	Release *sqlengine.Statement
	Back    *sqlengine.Statement // drops what was done since; Release must follow
}

var savepoints = func() (list [8]Savepoint) {
	for i := range list {
		list[i] = savepoint(i)
	}
	return list
}()

func savepoint(depth int) Savepoint {
	name := "weft_" + strconv.Itoa(depth)
	return Savepoint{
		Save:    &sqlengine.Statement{SQL: "SAVEPOINT " + name},
		Release: &sqlengine.Statement{SQL: "RELEASE " + name},
		Back:    &sqlengine.Statement{SQL: "ROLLBACK TO " + name},
	}
}

// SavepointAt is the nested transaction that is opened where depth transactions
// and savepoints are open. Up to a depth of 7 the statements are the same ones
// at every call, so that sessions keep them prepared.
func SavepointAt(depth int) Savepoint {
	if depth < len(savepoints) {
		return savepoints[depth]
	}
	return savepoint(depth)
}
