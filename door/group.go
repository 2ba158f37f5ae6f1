package door

import (
	"context"
	"io"
	"time"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/p2p/host"
	"github.com/weftdb/weft/schema"
)

// Statement is SQL as its author wrote it, with its arguments.
type Statement struct {
	SQL   string
	Args  []any          // for ? and ?NNN; canonical values
	Named map[string]any // for :name, @name and $name
}

// Answer is what a statement gave.
type Answer struct {
	Columns []string
	Types   []string // declared types, or what the values are; lower case
	Rows    [][]any  // int64, float64, string, []byte or nil
	LastID  int64
	Changed int64
	Query   bool // it gives rows, be they none
	Elapsed time.Duration
	Err     error // of this statement; the others ran unless Atomic
}

// Request is a list of statements. Each is one statement of SQL.
type Request struct {
	Statements []Statement
	Atomic     bool   // all or nothing, in one entry of the log
	ReadOnly   bool   // a statement that changes something is refused
	ID         string // for safe retries; one is made when it is empty
}

// Group is what a door leads to. Do, Begin and Run go to the leader by
// themselves where that is needed. Methods are safe for concurrent use.
type Group interface {
	Do(ctx context.Context, o op.Op) (op.Result, error)
	Begin(ctx context.Context, opts op.TxOptions) (op.Tx, error)
	// Run runs statements. Reads are answered as op.ReadingOf(ctx) says.
	Run(ctx context.Context, r Request) ([]Answer, error)
	// Models finds a set of models by its hash (see [Hash]), nil when unknown.
	Models(ctx context.Context, hash string) (*schema.Set, error)
	// Leader is the peer that leads, "" when unknown, and whether it is this node.
	Leader() (peer host.ID, here bool)
	// Info is what `weft status` shows.
	Info(ctx context.Context) (Info, error)
	// Backup writes a SQLite file. When it fails, what was written is worthless.
	Backup(ctx context.Context, w io.Writer) error
	// Restore replaces the database by the SQLite file that r gives. A file is
	// whole only when r ends with io.EOF: any other error, also
	// io.ErrUnexpectedEOF, means that nothing may be replaced.
	Restore(ctx context.Context, r io.Reader) error
	// Resolve tells, of a change or transaction whose outcome was lost, whether it
	// was applied. An answer is final: one that was not applied never will be. An
	// ID that is too old to be known is an error.
	Resolve(ctx context.Context, id string) (applied bool, err error)
}

// Info is how a group is, seen from one node.
type Info struct {
	Group    string `json:"group"`
	Server   string `json:"server"` // this node's copy, "" where it holds none
	State    string `json:"state"`
	Leader   string `json:"leader"` // peer ID
	Term     uint64 `json:"term"`
	Commit   uint64 `json:"commit"`
	Applied  uint64 `json:"applied"`
	Sequence int64  `json:"sequence"` // entries applied since the group began
	Chain    string `json:"chain"`    // hash over them and their outcomes
	DBSize   int64  `json:"db_size"`
	WALSize  int64  `json:"wal_size"`
	LogSize  int64  `json:"log_size"`
	Broken   string `json:"broken,omitempty"`
	// Problem is what is wrong with a copy that goes on, such as a disk without
	// room for a snapshot.
	Problem string    `json:"problem,omitempty"`
	Members []Member  `json:"members"`
	Read    time.Time `json:"read"`
}

// Member is one copy of a group.
type Member struct {
	Server string `json:"server"`
	Peer   string `json:"peer"`
	Voter  bool   `json:"voter"`
	Leader bool   `json:"leader"`
	// Lag is how many entries it has not applied of those that are committed; -1
	// when it did not answer the node whose view this is.
	Lag int64 `json:"lag"`
}
