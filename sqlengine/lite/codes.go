package lite

import (
	"context"
	"errors"
	"fmt"

	"github.com/weftdb/weft/op"
)

// SQLite's primary result codes, the lowest byte of every result code.
const (
	codeError      = 1
	codePerm       = 3
	codeBusy       = 5
	codeLocked     = 6
	codeNoMemory   = 7
	codeReadOnly   = 8
	codeInterrupt  = 9
	codeIO         = 10
	codeCorrupt    = 11
	codeFull       = 13
	codeCantOpen   = 14
	codeProtocol   = 15
	codeTooBig     = 18
	codeConstraint = 19
	codeNoLFS      = 22
	codeNotADB     = 26
)

// Extended result codes.
const (
	codeConstraintCheck      = codeConstraint | 1<<8
	codeConstraintForeignKey = codeConstraint | 3<<8
	codeConstraintNotNull    = codeConstraint | 5<<8
	codeConstraintPrimaryKey = codeConstraint | 6<<8
	codeConstraintUnique     = codeConstraint | 8<<8
	codeConstraintRowID      = codeConstraint | 10<<8
	codeConstraintDatatype   = codeConstraint | 12<<8
	codeBusySnapshot         = codeBusy | 2<<8
)

// Error is a failure that SQLite reported.
type Error struct {
	Code    int // extended result code
	Message string
}

func (e *Error) Error() string { return fmt.Sprintf("sqlite: %s (%d)", e.Message, e.Code) }

// Busy reports whether a lock of somebody else was in the way.
func (e *Error) Busy() bool { return e.Code&0xff == codeBusy }

// Environmental reports whether a result code, extended or not, tells of where
// SQLite runs and not of what it was asked: the disk, memory, the file, locks,
// an interruption. The same statement on an equal copy may end otherwise.
func Environmental(code int) bool {
	switch code & 0xff {
	case codePerm, codeBusy, codeLocked, codeNoMemory, codeReadOnly, codeInterrupt, codeIO, codeCorrupt, codeFull, codeCantOpen,
		codeProtocol, codeNoLFS, codeNotADB:
		return true
	}
	return false
}

// OfEnvironment is Environmental for an error in whose chain there may be one of
// SQLite's. A context that has ended and a database that was closed count too.
func OfEnvironment(err error) bool {
	var e *Error
	if errors.As(err, &e) && Environmental(e.Code) {
		return true
	}
	var o *op.Error
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) ||
		errors.As(err, &o) && (o.Closed || o.Code == op.CodeCancelled || o.Code == op.CodeTimeout)
}
