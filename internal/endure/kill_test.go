package endure

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/sqlengine/sqlite"
)

// batchSize is the number of rows of one CreateMany of a load.
const batchSize = 50

// acknowledged is what the children were told had been written, over all loads
// on one file.
type acknowledged struct {
	singles   []string
	batches   []string
	transfers []string
}

func (a *acknowledged) note(t *testing.T, line string) {
	kind, id, ok := strings.Cut(line, " ")
	switch {
	case ok && kind == "single":
		a.singles = append(a.singles, id)
	case ok && kind == "batch":
		a.batches = append(a.batches, id)
	case ok && kind == "transfer":
		a.transfers = append(a.transfers, id)
	default:
		t.Fatalf("the child printed %q", line)
	}
}

// A process is killed in the middle of writing, again and again.
func TestKill(t *testing.T) {
	loads := 25
	if isLong() {
		loads = 200
	}
	r := random(t)
	dir := t.TempDir()
	var (
		acked acknowledged
		path  string
		early int
		acks  int
	)
	for i := range loads {
		if i%5 == 0 { // several kills of one file, and the next one is new
			path = filepath.Join(dir, fmt.Sprint(i))
			acked = acknowledged{}
		}
		n, ready := kill(t, r, path, &acked, i%5 == 4)
		acks += n
		if !ready {
			early++
		}
		survived(t, path, &acked)
	}
	t.Logf("%d loads killed (%d of them before they had opened the file), %d writes acknowledged, none lost", loads, early, acks)
	if acks == 0 {
		t.Error("no load came to write anything")
	}
}

// kill starts a load and kills it at a random moment, which may be before it has
// written anything, or after.
func kill(t *testing.T, r *rand.Rand, path string, acked *acknowledged, written bool) (acks int, ready bool) {
	t.Helper()
	checkpoint := []int{1000, 100, 8}[r.IntN(3)] // pages of the log: often means in the middle of a checkpoint
	c := start(t, "load", path, strconv.FormatUint(r.Uint64(), 10), strconv.Itoa(checkpoint))
	after := time.Duration(r.Int64N(int64(120 * time.Millisecond)))
	if !written && r.IntN(5) == 0 { // while it opens the file and makes the tables
		after = time.Duration(r.Int64N(int64(30 * time.Millisecond)))
	} else {
		s, err := c.out.ReadString('\n')
		if err != nil || s != "ready\n" {
			_ = c.cmd.Wait()
			t.Fatalf("the load did not start: %q, %v\n%s", s, err, c.errs.String())
		}
		ready = true
	}
	lines := bufio.NewScanner(c.out)
	read := func() bool {
		if !lines.Scan() {
			return false
		}
		if lines.Text() == "ready" {
			ready = true
			return true
		}
		acked.note(t, lines.Text())
		acks++
		return true
	}
	if written {
		read()
	}
	timer := time.AfterFunc(after, func() { _ = c.cmd.Process.Kill() })
	defer timer.Stop()
	for read() {
	}
	must(t, lines.Err())
	err := c.cmd.Wait()
	if err == nil || c.errs.Len() > 0 {
		t.Fatalf("the load ended by itself: %v\n%s", err, c.errs.String())
	}
	return acks, ready
}

// survived opens the file again and checks it against what was acknowledged.
func survived(t *testing.T, path string, acked *acknowledged) {
	t.Helper()
	ctx := t.Context()
	db, err := weft.Open(sqlite.Open(path), allModels(), weft.AutoMigrate())
	must(t, err)
	defer func() { must(t, db.Close()) }()
	sound(t, db)

	there := map[string]bool{}
	batches := map[string]int{}
	transfers := map[string]bool{}
	for e, err := range weft.Repo[Entry](db).Iter(ctx) {
		must(t, err)
		switch e.Kind {
		case "single":
			there[e.Batch] = true
		case "batch":
			batches[e.Batch]++
		case "transfer":
			transfers[e.Batch] = true
		}
	}
	for _, id := range acked.singles {
		if !there[id] {
			t.Fatalf("the acknowledged row %s is lost", id)
		}
	}
	searches(t, db, there, batches, transfers)
	for _, id := range acked.batches {
		if batches[id] != batchSize {
			t.Fatalf("of the acknowledged CreateMany %s there are %d rows of %d", id, batches[id], batchSize)
		}
	}
	for id, n := range batches {
		if n != batchSize {
			t.Fatalf("half a CreateMany: %s has %d rows of %d", id, n, batchSize)
		}
	}
	for _, id := range acked.transfers {
		if !transfers[id] {
			t.Fatalf("the acknowledged transaction %s is lost", id)
		}
	}
	list, err := weft.Repo[Account](db).All(ctx)
	must(t, err)
	if len(list) == 0 && len(transfers) == 0 {
		return // killed before it had any
	}
	must(t, whole("after the kill", list))
	var moves int64
	for _, a := range list {
		moves += a.Moves
	}
	equal(t, "half a transaction: moves of accounts", moves, 2*int64(len(transfers)))
}

// searches looks for what there is by its words.
func searches(t *testing.T, db *weft.DB, singles map[string]bool, batches map[string]int, transfers map[string]bool) {
	t.Helper()
	entries := weft.Repo[Entry](db)
	want := map[string]int{}
	maps.Copy(want, batches)
	for _, ids := range []map[string]bool{singles, transfers} {
		for id := range ids {
			want[id] = 1
		}
	}
	tried := 0
	for id, n := range want {
		if tried++; tried > 50 {
			break
		}
		found, err := entries.Filter(weft.Match(`"`+id+`"`, "batch")).Count(t.Context())
		must(t, err)
		equal(t, "rows found by "+id, found, int64(n))
	}
	all, err := entries.Filter(weft.Or(weft.Match("x*", "body"), weft.Match("some words"), weft.If("body", "=", ""))).Count(t.Context())
	must(t, err)
	rows, err := entries.Count(t.Context())
	must(t, err)
	equal(t, "rows found by their bodies", all, rows)
}

// loadChild writes until it is killed: path, seed, pages between checkpoints.
// It prints what was acknowledged, a line each.
func loadChild(args []string) error {
	ctx := context.Background()
	seed, err := strconv.ParseUint(args[1], 10, 64)
	if err != nil {
		return err
	}
	db, err := weft.Open(sqlite.Open(args[0], sqlite.Pragma("wal_autocheckpoint="+args[2])), allModels(), weft.AutoMigrate())
	if err != nil {
		return err
	}
	r := rand.New(rand.NewPCG(seed, 2))
	ids, err := ledger(ctx, db)
	if err != nil {
		return err
	}
	ack := func(kind, id string) error { // one write call, which a kill cannot tear
		_, err := io.WriteString(os.Stdout, kind+" "+id+"\n")
		return err
	}
	fmt.Println("ready")
	errs := make([]error, 4)
	var wg sync.WaitGroup
	for i := range errs {
		r := rand.New(rand.NewPCG(r.Uint64(), uint64(i)))
		wg.Go(func() {
			for errs[i] == nil {
				errs[i] = loadOne(ctx, db, r, ids, ack)
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// ledger gives the keys of the accounts, all made in one CreateMany.
func ledger(ctx context.Context, db *weft.DB) ([]string, error) {
	repo := weft.Repo[Account](db)
	list, err := repo.All(ctx)
	if err == nil && len(list) == 0 {
		for i := range accounts {
			list = append(list, &Account{Name: fmt.Sprint(i), Balance: total / accounts})
		}
		err = repo.CreateMany(ctx, list)
	}
	ids := make([]string, len(list))
	for i, a := range list {
		ids[i] = a.ID
	}
	return ids, err
}

func loadOne(ctx context.Context, db *weft.DB, r *rand.Rand, accounts []string, ack func(kind, id string) error) error {
	repo := weft.Repo[Entry](db)
	mark := uuid.NewString()
	body := strings.Repeat("some words ", r.IntN(100)) + strings.Repeat("x", r.IntN(2000))
	switch r.IntN(3) {
	case 0:
		if err := repo.Create(ctx, &Entry{Kind: "single", Batch: mark, Body: body}); err != nil {
			return err
		}
		return ack("single", mark)
	case 1:
		list := make([]*Entry, batchSize)
		for i := range list {
			list[i] = &Entry{Kind: "batch", Batch: mark, Body: body}
		}
		if err := repo.CreateMany(ctx, list); err != nil {
			return err
		}
		return ack("batch", mark)
	}
	from, to := r.IntN(len(accounts)), r.IntN(len(accounts))
	sum := r.Int64N(50)
	err := db.InTx(ctx, func(ctx context.Context) error {
		moves := weft.Repo[Account](db)
		if _, err := moves.Update(ctx, accounts[from], weft.Set{"balance": weft.Inc(-sum), "moves": weft.Inc(1)}); err != nil {
			return err
		}
		if err := repo.Create(ctx, &Entry{Kind: "transfer", Batch: mark, Body: body}); err != nil {
			return err
		}
		_, err := moves.Update(ctx, accounts[to], weft.Set{"balance": weft.Inc(sum), "moves": weft.Inc(1)})
		return err
	})
	if err != nil {
		return err
	}
	return ack("transfer", mark)
}
