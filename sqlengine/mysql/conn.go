package mysql

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/sqlengine"
)

// dconn is what the driver's connections can do.
type dconn interface {
	driver.Conn
	driver.SessionResetter
	driver.Validator
	Exec(query string, args []driver.Value) (driver.Result, error)
	Query(query string, args []driver.Value) (driver.Rows, error)
}

// conn is one connection. It is used by one goroutine at a time.
type conn struct {
	e   *Engine
	dc  dconn
	net net.Conn // closed to cut a call off
	id  int64    // as the server counts connections
	// host says which server it is; behind one address may be several.
	host string

	born, used        time.Time
	home              *pool
	placed, streaming bool // counts among those that run; among those with a result
	bad               bool // cannot be used again
	isCut             atomic.Bool

	stmts map[*sqlengine.Statement]*stmt
	tick  uint64
	args  []driver.Value
	dest  []driver.Value

	depth int     // of transactions and savepoints
	open  *cursor // the result that is read from the connection
	text  string  // of the statement that runs or ran last
	// lost is why the server has ended the transaction in progress.
	lost error

	// A statement is watched while it runs: when its context ends, or it takes
	// too long, interrupt stops it on the server.
	stop        func() bool
	timer       *time.Timer
	onContext   func()
	onTime      func()
	firing      atomic.Bool
	calling     atomic.Bool   // a call of the driver is under way
	late        atomic.Bool   // the timer was it
	returned    chan struct{} // to interrupt: the call has returned
	interrupted chan struct{} // from interrupt: it is done
}

// connect opens one connection and sets it up.
func (e *Engine) connect(ctx context.Context) (*conn, error) {
	c := &conn{
		e: e, stmts: map[*sqlengine.Statement]*stmt{}, born: time.Now(),
		returned: make(chan struct{}, 2), interrupted: make(chan struct{}, 2),
	}
	c.used = c.born
	c.onContext = c.interrupt
	c.onTime = func() { c.late.Store(true); c.interrupt() }
	dc, err := e.connector.Connect(context.WithValue(ctx, dialed{}, &c.net))
	if err != nil {
		return nil, e.explainConnect(ctx, err)
	}
	c.dc = dc.(dconn)
	if err := c.setUp(ctx); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

// server is what the engine knows of the server.
type server struct {
	version   string
	maria     bool
	major     int
	minor     int
	packet    int // max_allowed_packet
	step      int64
	collation string // compares bytes
	fold      string // collation whose LOWER folds case
}

func (s *server) atLeast(major, minor int) bool {
	return s.major > major || (s.major == major && s.minor >= minor)
}

// parseVersion reads what VERSION() gives.
func parseVersion(text string) (*server, error) {
	s := &server{version: text, maria: strings.Contains(strings.ToLower(text), "mariadb")}
	var patch int
	// MariaDB begins so for the sake of old replicas.
	n, err := fmt.Sscanf(strings.TrimPrefix(text, "5.5.5-"), "%d.%d.%d", &s.major, &s.minor, &patch)
	if n >= 2 {
		err = nil
	}
	oldest, least := "MySQL 8.0.17", s.atLeast(8, 1) || s.atLeast(8, 0) && patch >= 17
	if s.maria {
		oldest, least = "MariaDB 10.6", s.atLeast(10, 6)
	}
	if err != nil || !least {
		return nil, op.Errorf(op.CodeDatabase, "the server is of version %s, and Weft needs %s or newer: update the server", text, oldest)
	}
	s.collation, s.fold = "utf8mb4_0900_bin", "utf8mb4_0900_ai_ci"
	if s.maria {
		s.collation, s.fold = "utf8mb4_nopad_bin", "utf8mb4_unicode_520_ci"
		if s.atLeast(10, 10) {
			s.fold = "utf8mb4_uca1400_ai_ci"
		}
	}
	return s, nil
}

// sqlMode are the rules that hold on every connection.
const sqlMode = "STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ZERO_DATE,NO_ZERO_IN_DATE,NO_AUTO_VALUE_ON_ZERO,NO_ENGINE_SUBSTITUTION"

// whichServer tells servers apart.
const whichServer = "CONCAT_WS(':', @@hostname, @@port, @@server_id)"

// setUp asks the server who it is and sets the session up.
func (c *conn) setUp(ctx context.Context) error {
	rows, err := c.ask(ctx, "SELECT VERSION(), CONNECTION_ID(), @@max_allowed_packet, @@auto_increment_increment, "+whichServer)
	if err != nil {
		return err
	}
	s, err := parseVersion(rows[0][0].Bytes())
	if err != nil {
		return err
	}
	number := func(v sqlengine.Value) int64 {
		n, _ := strconv.ParseInt(v.Bytes(), 10, 64)
		if v.Kind == sqlengine.Int {
			n = v.Int()
		}
		return n
	}
	c.host = rows[0][4].Bytes()
	c.id, s.packet, s.step = number(rows[0][1]), int(number(rows[0][2])), number(rows[0][3])
	c.e.server.CompareAndSwap(nil, s)
	set := []string{
		"NAMES utf8mb4 COLLATE " + s.collation,
		"SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE",
		fmt.Sprintf("SESSION time_zone = '+00:00', SESSION sql_mode = '%s', SESSION innodb_lock_wait_timeout = %d, SESSION max_sort_length = %d, SESSION group_concat_max_len = 1048576",
			sqlMode, int(c.e.opt.lock.Seconds()), sortLength),
	}
	for _, text := range set {
		if _, err := c.run(ctx, "SET "+text); err != nil {
			return err
		}
	}
	return nil
}

// sortLength is how many bytes of a text the server sorts by.
const sortLength = 8192

// alive reports whether a connection that stood unused can be used.
func (c *conn) alive() bool { return c.dc.IsValid() && c.dc.ResetSession(context.Background()) == nil }

func (c *conn) close() {
	c.stmts = nil
	if c.isCut.Load() {
		_ = c.dc.Close() // it is closed already: nothing is sent
		return
	}
	if c.net != nil { // an unreachable server must not hold anybody up
		_ = c.net.SetDeadline(time.Now().Add(time.Second))
	}
	_ = c.dc.Close()
}

// cut closes the network connection under a call, from any goroutine.
func (c *conn) cut() {
	c.isCut.Store(true)
	if c.net != nil {
		_ = c.net.Close()
	}
}

// grace is how long a statement may take to notice that it was stopped.
const grace = 5 * time.Second

// insist is how long to wait before stopping a statement again: the first time
// may have hit its preparation, or nothing yet.
const insist = 100 * time.Millisecond

// interrupt stops the statement that runs. It waits until the call has returned,
// so that it cannot hit the next one.
func (c *conn) interrupt() {
	if !c.firing.CompareAndSwap(false, true) {
		<-c.returned
		c.interrupted <- struct{}{}
		return
	}
	timer := time.NewTimer(insist)
	defer timer.Stop()
	for end := time.Now().Add(grace); ; timer.Reset(insist) {
		err := c.e.killer.kill(c.id, c.host)
		select {
		case <-c.returned:
			c.interrupted <- struct{}{}
			return
		case <-timer.C:
		}
		if !c.calling.Load() { // nobody waits for the server: a result is just not read on
			break
		}
		if err != nil || time.Now().After(end) {
			c.cut()
			break
		}
	}
	<-c.returned
	c.interrupted <- struct{}{}
}

// arm has a statement watched.
func (c *conn) arm(ctx context.Context) {
	c.calling.Store(true)
	if ctx.Done() != nil {
		c.stop = context.AfterFunc(ctx, c.onContext)
	}
	if d := c.e.opt.query; d > 0 && c.timer == nil {
		if _, has := ctx.Deadline(); !has {
			c.timer = time.AfterFunc(d, c.onTime)
		}
	}
}

// inTime ends the watch of the clock: what follows is reading rows.
func (c *conn) inTime() {
	c.calling.Store(false)
	if c.timer != nil && c.timer.Stop() {
		c.timer = nil
	}
}

// disarm ends the watch and reports whether the statement was interrupted.
func (c *conn) disarm() bool {
	n := 0
	c.calling.Store(false)
	if c.stop != nil && !c.stop() {
		n++
	}
	if c.timer != nil && !c.timer.Stop() {
		n++
	}
	c.stop, c.timer = nil, nil
	if n == 0 {
		return false
	}
	for range n {
		c.returned <- struct{}{}
	}
	for range n {
		<-c.interrupted
	}
	c.firing.Store(false)
	switch {
	case c.isCut.Load():
		c.bad = true
	case !c.bad:
		// The request to stop may come when the statement is done; it would then
		// hit the next one. This one takes it.
		_ = c.net.SetDeadline(time.Now().Add(grace))
		if _, err := c.dc.Exec("DO 0", nil); broken(err) {
			c.bad = true
		}
		_ = c.net.SetDeadline(time.Time{})
	}
	return true
}

// broken reports whether an error means that the connection cannot be used again.
func broken(err error) bool {
	return err != nil && number(err) == 0
}

// ready checks that a statement can run now.
func (c *conn) ready(ctx context.Context) error {
	switch {
	case ctx.Err() != nil:
		return op.FromContext(ctx.Err())
	case c.lost != nil:
		return c.lost
	case c.bad:
		return errLost(c.e.name)
	}
	return c.settle()
}

// run runs a statement without arguments by the text protocol.
func (c *conn) run(ctx context.Context, text string) (driver.Result, error) {
	if err := c.ready(ctx); err != nil {
		return nil, err
	}
	c.arm(ctx)
	res, err := c.dc.Exec(text, nil)
	stopped := c.disarm()
	if err != nil {
		return nil, c.explain(ctx, err, stopped)
	}
	return res, nil
}

// last runs a statement that ends a transaction: that a context ends meanwhile
// must not leave it open whether it happened.
func (c *conn) last(text string) error {
	if c.bad {
		return errLost(c.e.name)
	}
	timer := time.AfterFunc(time.Minute, c.cut)
	_, err := c.dc.Exec(text, nil)
	timer.Stop()
	if err != nil {
		return c.explain(context.Background(), err, false)
	}
	return nil
}

// ask runs a statement that is needed once and gives its rows.
func (c *conn) ask(ctx context.Context, text string, args ...sqlengine.Value) ([][]sqlengine.Value, error) {
	if err := c.ready(ctx); err != nil {
		return nil, err
	}
	c.arm(ctx)
	k, err := c.askOn(text, args)
	if err != nil {
		return nil, c.explain(ctx, err, c.disarm())
	}
	k.ctx = ctx
	c.open = k
	var rows [][]sqlengine.Value
	for {
		ok, err := k.Next()
		if err != nil || !ok {
			return rows, err
		}
		row := make([]sqlengine.Value, k.width)
		for i := range row {
			row[i] = sqlengine.Cell(k, i)
		}
		rows = append(rows, row)
	}
}

func (c *conn) askOn(text string, args []sqlengine.Value) (*cursor, error) {
	if len(args) == 0 {
		rows, err := c.dc.Query(text, nil)
		if err != nil {
			return nil, err
		}
		return c.cursor(rows, nil), nil
	}
	ds, err := c.compile(text)
	if err != nil {
		return nil, err
	}
	rows, err := ds.Query(c.bind(args))
	if err != nil {
		_ = ds.Close()
		return nil, err
	}
	return c.cursor(rows, ds), nil
}

// isEnd reports whether an error of a driver is that of Next at the end.
func isEnd(err error) bool { return errors.Is(err, io.EOF) }
