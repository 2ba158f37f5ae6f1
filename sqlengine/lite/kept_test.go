package lite

import "testing"

type fakeStmt struct {
	Use
	freed int
}

func (s *fakeStmt) Finalize() { s.freed++ }

func TestKept(t *testing.T) {
	var k Kept[string, *fakeStmt]
	put := func(key string) *fakeStmt {
		s := &fakeStmt{}
		k.Put(key, s, 3)
		return s
	}
	if _, ok := k.Take("a"); ok {
		t.Error("something is taken of nothing")
	}
	a := put("a")
	if !a.Busy() || !a.Kept() {
		t.Error("a new one is neither used nor kept")
	}
	if _, ok := k.Take("a"); ok {
		t.Error("one is taken twice")
	}
	second := put("a") // while the first is in use
	if second.Kept() || !second.Busy() || a.freed != 0 {
		t.Error("two are kept of one text")
	}
	a.Free()
	if s, ok := k.Take("a"); !ok || s != a {
		t.Error("what is free is not taken")
	}
	a.Free()
	b, c := put("b"), put("c")
	b.Free()
	k.Take("a") // used after b
	a.Free()
	d := put("d") // c is busy
	if b.freed != 1 || a.freed != 0 || c.freed != 0 || k.Len() != 3 {
		t.Errorf("freed: a %d, b %d, c %d; %d are kept", a.freed, b.freed, c.freed, k.Len())
	}
	a2 := put("a") // in the place of the first
	if a.freed != 1 || !a2.Kept() || k.Len() != 3 {
		t.Error("what is replaced is not freed")
	}
	a2.Free()
	k.Forget()
	if a2.freed != 1 || c.freed != 0 || d.freed != 0 || c.Kept() || k.Len() != 0 {
		t.Error("to forget frees what is in use, or does not free what is not")
	}
	e := put("e")
	if k.Drop(); e.freed != 1 || k.Len() != 0 {
		t.Error("to drop does not free what is in use")
	}
}
