package door

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"reflect"
	"testing"
	"time"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/p2p/host"
	"github.com/weftdb/weft/wire"
)

func sampleRequests(t testing.TB) [][]byte {
	t.Helper()
	o := insertItem("a", 1)
	body, err := wire.EncodeOp(&o)
	if err != nil {
		t.Fatal(err)
	}
	run, err := appendRun(nil, &sampleRun)
	if err != nil {
		t.Fatal(err)
	}
	var out [][]byte
	for _, q := range []request{
		{verb: verbDo, group: "g", hash: mustHash(t, item), left: time.Second, body: body},
		{verb: verbDo, flags: flagAny, hops: 1, group: "g", reading: op.Reading{Consistency: op.None, MaxAge: time.Hour}, body: body},
		{verb: verbRun, group: "g", body: run},
		{verb: verbBegin, group: "g", body: wire.EncodeTxOptions(op.TxOptions{ReadOnly: true})},
		{verb: verbCommit, tx: 3, id: "id"},
		{verb: verbRollback, tx: 1},
		{verb: verbResolve, body: []byte("id")},
		{verb: verbLeader, group: "g"},
		{verb: verbInfo, group: "g"},
		{verb: verbModels, group: "g", body: []byte("hash")},
		{verb: verbBackup, group: "g"},
		{verb: verbRestore, group: "g"},
	} {
		out = append(out, append(q.append(nil), q.body...))
	}
	return out
}

var sampleRun = Request{
	Atomic: true, ID: "x", Statements: []Statement{
		{SQL: "SELECT ?, :a, :b", Args: []any{int64(1)}, Named: map[string]any{"a": "x", "b": nil}}, {SQL: "SELECT 1"},
	},
}

func FuzzRequest(f *testing.F) {
	for _, b := range sampleRequests(f) {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		q, err := parseRequest(b)
		if err != nil {
			if !errors.Is(err, host.ErrMalformed) && op.CodeOf(err) != op.CodeUnsupported {
				t.Fatalf("%v", err)
			}
			return
		}
		again, err := parseRequest(append(q.append(nil), q.body...))
		if err != nil || !reflect.DeepEqual(q, again) {
			t.Fatalf("%+v became %+v: %v", q, again, err)
		}
	})
}

func FuzzRun(f *testing.F) {
	b, err := appendRun(nil, &sampleRun)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := parseRun(b)
		if err != nil {
			return
		}
		text, err := appendRun(nil, &r)
		if err != nil {
			t.Fatal(err)
		}
		again, err := parseRun(text)
		if err != nil || len(again.Statements) != len(r.Statements) || again.ID != r.ID || again.Atomic != r.Atomic || again.ReadOnly != r.ReadOnly {
			t.Fatalf("%+v became %+v: %v", r, again, err)
		}
	})
}

func TestRunIsCarriedWhole(t *testing.T) {
	b, err := appendRun(nil, &sampleRun)
	if err != nil {
		t.Fatal(err)
	}
	got, err := parseRun(b)
	if err != nil {
		t.Fatal(err)
	}
	want := sampleRun
	want.Statements = []Statement{want.Statements[0], {SQL: "SELECT 1", Args: got.Statements[1].Args}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func FuzzAnswer(f *testing.F) {
	for _, a := range []Answer{
		{Query: true, Columns: []string{"a", ""}, Types: []string{"integer", ""}, Elapsed: time.Second},
		{LastID: -1, Changed: 1 << 62, Err: op.Errorf(op.CodeConflict, "no")},
	} {
		f.Add(appendAnswer(nil, &a))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := parseAnswer(b)
		if err != nil {
			if !errors.Is(err, host.ErrMalformed) {
				t.Fatal(err)
			}
			return
		}
		again, err := parseAnswer(appendAnswer(nil, &a))
		if err != nil || again.LastID != a.LastID || again.Query != a.Query || op.CodeOf(again.Err) != op.CodeOf(a.Err) ||
			!reflect.DeepEqual(again.Columns, a.Columns) || again.Elapsed != a.Elapsed {
			t.Fatalf("%+v became %+v: %v", a, again, err)
		}
	})
}

func FuzzQuestion(f *testing.F) {
	f.Add(appendQuestion("node.status", time.Second, []byte(`{"a":1}`)))
	f.Fuzz(func(t *testing.T, b []byte) {
		name, left, in, err := parseQuestion(b)
		if err != nil {
			return
		}
		name2, left2, in2, err := parseQuestion(appendQuestion(name, left, in))
		if err != nil || name2 != name || left2 != left || !bytes.Equal(in, in2) {
			t.Fatalf("%q %s %q: %v", name2, left2, in2, err)
		}
	})
}

func FuzzCopy(f *testing.F) {
	var b bytes.Buffer
	w := bufio.NewWriter(&b)
	p := newPieces(w)
	if _, err := p.Write(bytes.Repeat([]byte("x"), 2000)); err != nil {
		f.Fatal(err)
	}
	if err := errors.Join(p.end(), w.Flush()); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add(b.Bytes()[:b.Len()-1])
	f.Add(b.Bytes()[10:])
	f.Fuzz(func(t *testing.T, data []byte) {
		in := &gather{r: bufio.NewReader(bytes.NewReader(data)), other: func(byte, []byte) error { return malformed("other") }}
		got, err := io.ReadAll(in)
		if err != nil {
			return
		}
		// It was taken for whole: then it is.
		var again bytes.Buffer
		w := bufio.NewWriter(&again)
		p := newPieces(w)
		_, err = p.Write(got)
		if err = errors.Join(err, p.end(), w.Flush()); err != nil {
			t.Fatal(err)
		}
		back := &gather{r: bufio.NewReader(&again), other: func(byte, []byte) error { return malformed("other") }}
		if same, err := io.ReadAll(back); err != nil || !bytes.Equal(same, got) {
			t.Fatalf("%d bytes became %d: %v", len(got), len(same), err)
		}
	})
}

// FuzzStream writes anything to a node, which must go on.
func FuzzStream(f *testing.F) {
	cfg := host.Default()
	cfg.DataDir, cfg.Listen, cfg.Strikes = f.TempDir(), []string{"/ip4/127.0.0.1/tcp/0"}, 1<<30
	node, err := host.New(cfg, nil)
	if err != nil {
		f.Fatal(err)
	}
	defer node.Close()
	client := newHost(f)
	meet(f, client, node)
	g := newFake(f)
	g.lead(node.ID())
	k := &fakeCopy{fake: g, self: node.ID()}
	set := defaults()
	set.idleStream, set.idleTx, set.transfer, set.stall = 20*time.Millisecond, 20*time.Millisecond, 20*time.Millisecond, 20*time.Millisecond
	s := serve(node, func(string) (Group, error) { return k, nil }, nil, set)
	defer s.Close()
	all := []byte{}
	for _, b := range sampleRequests(f) {
		var frame bytes.Buffer
		w := bufio.NewWriter(&frame)
		if err := errors.Join(writeFrame(w, frameRequest, b), w.Flush()); err != nil {
			f.Fatal(err)
		}
		f.Add(frame.Bytes())
		all = append(all, frame.Bytes()...)
	}
	f.Add(all)
	f.Add([]byte("S\x00S\x00D\x01xZ\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		st, err := client.Open(within(t), node.ID(), protocol, host.OpenOptions{Timeout: 10 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		defer st.Reset()
		_, _ = st.Write(b) // it may be reset in the middle
		_ = st.CloseWrite()
		_, _ = io.Copy(io.Discard, st)
		if n := node.Counters().Panics; n > 0 {
			t.Fatal("a handler panicked")
		}
	})
}
