package door

import (
	"encoding/binary"
	"math"
	"time"

	"github.com/weftdb/weft/op"
)

// verb says what is asked. Numbers are part of the protocol.
type verb byte

const (
	verbDo       verb = iota + 1 // content: an operation. Answer: OK, then rows of wire
	verbRun                      // statements. OK with their number, then each answer
	verbBegin                    // options. OK with the number of the transaction
	verbCommit                   // OK
	verbRollback                 // OK
	verbResolve                  // an ID. OK with 1 or 0
	verbLeader                   // OK with 1 or 0, whether it is the node itself, and the peer
	verbInfo                     // OK with JSON
	verbModels                   // a hash. OK with the YAML of the set, which may be empty
	verbBackup                   // OK, then data and end, or an error
	verbRestore                  // OK; the client sends data and end; OK
	lastVerb     = verbRestore
)

var verbNames = [...]string{
	"", "an operation", "statements", "begin", "commit", "rollback", "resolve", "leader", "info", "models", "backup", "restore",
}

func (v verb) String() string {
	if int(v) < len(verbNames) {
		return verbNames[v]
	}
	return "an unknown request"
}

// The flags of a request.
const (
	flagLeadOn = 1 << iota // lead the request on to the leader when it is another node
	flagAny                // any copy may answer it; it changes nothing
	knownFlags = flagLeadOn | flagAny
)

// The bounds of a request's parts, in bytes.
const (
	maxGroup = 256
	maxHash  = 64
	maxID    = 256
)

// request is one question.
type request struct {
	verb    verb
	flags   byte
	hops    byte // nodes that have led it on
	reading op.Reading
	left    time.Duration // until the caller gives up; 0 is never
	group   string
	hash    string // of the set of models that names in body are of; "" is none
	tx      uint64 // the transaction it is in; 0 is none
	id      string // of a commit
	body    []byte
}

func (q *request) append(b []byte) []byte {
	b = append(b, version, byte(q.verb), q.flags, q.hops, byte(q.reading.Consistency))
	b = binary.AppendUvarint(b, uint64(max(q.reading.MaxAge, 0)))
	b = binary.AppendUvarint(b, uint64(max(q.left, 0)))
	b = appendText(b, q.group)
	b = appendText(b, q.hash)
	b = binary.AppendUvarint(b, q.tx)
	return appendText(b, q.id)
}

// parseRequest reads a request. Of its errors those that wrap host.ErrMalformed
// come of no version of this package; others are to be answered.
func parseRequest(b []byte) (*request, error) {
	c := cutter{b: b}
	if v := c.byte("the version"); c.err == nil && v != version {
		if v == 0 {
			return nil, malformed("version 0 does not exist")
		}
		return nil, op.Errorf(op.CodeUnsupported, "the request has version %d and this node reads version %d: update this node", v, version)
	}
	q := &request{verb: verb(c.byte("the verb")), flags: c.byte("the flags"), hops: c.byte("the hops")}
	q.reading.Consistency = op.Consistency(c.byte("the level"))
	age, left := c.uint("the age"), c.uint("the time left")
	q.group = c.text("the group's name", maxGroup)
	q.hash = c.text("the hash of the models", maxHash)
	q.tx = c.uint("the transaction")
	q.id = c.text("the ID", maxID)
	q.body = c.b
	if c.err != nil {
		return nil, c.err
	}
	if age > math.MaxInt64 || left > math.MaxInt64 {
		return nil, malformed("a duration is out of its bounds")
	}
	q.reading.MaxAge, q.left = time.Duration(age), time.Duration(left)
	switch {
	case q.verb == 0:
		return nil, malformed("a request without a verb")
	case q.verb > lastVerb:
		return nil, op.Errorf(op.CodeUnsupported, "this node does not know request %d: update this node", q.verb)
	case q.flags&^knownFlags != 0:
		return nil, op.Errorf(op.CodeUnsupported, "the request has flags (%#x) that this node does not know: update this node", q.flags)
	case q.reading.Consistency > op.None:
		return nil, op.Errorf(op.CodeUnsupported, "this node does not know level %d of consistency: update this node", q.reading.Consistency)
	}
	return q, nil
}
