package weft_test

import (
	"context"
	"fmt"
	"os"

	"github.com/weftdb/weft"
	"github.com/weftdb/weft/op/mem"
)

// Patient has a field that is stored as a ciphertext.
type Patient struct {
	ID        string `weft:"primary"`
	Name      string
	Diagnosis string `weft:"encrypted"`
}

// twoKeys are a current key and the one before it, as they come from a secret
// store. Real ones are random.
func twoKeys() (current, old weft.SecretKey) {
	current, err := weft.NewSecretKey("2025", []byte("0123456789abcdef0123456789abcdef"))
	check(err)
	old, err = weft.NewSecretKey("2024", []byte("fedcba9876543210fedcba9876543210"))
	check(err)
	return current, old
}

// clinic is a database that keeps patients under these keys.
func clinic(ring *weft.KeyRing, e weft.Engine) *weft.DB {
	db, err := weft.Open(e, weft.Models(Patient{}), weft.AutoMigrate(), weft.Encrypt(ring))
	check(err)
	return db
}

func ExampleEncrypt() {
	ring, err := weft.NewKeyRing(weft.GenerateKey())
	check(err)
	db, err := weft.Open(mem.Open(), weft.Models(Patient{}), weft.Encrypt(ring))
	check(err)
	defer db.Close()
	ctx := context.Background()
	patients := weft.Repo[Patient](db)

	check(patients.Create(ctx, &Patient{ID: "1", Name: "Ada", Diagnosis: "curiosity"}))
	p, err := patients.Find(ctx, "1")
	check(err)
	fmt.Println(p.Diagnosis)
	_, err = patients.Where("diagnosis", "=", "curiosity").All(ctx)
	fmt.Println(err)
	// Output:
	// curiosity
	// Patient: diagnosis is encrypted: it cannot be compared; is null and not null can be asked
}

func ExampleSecretKey() {
	key, _ := twoKeys()
	fmt.Println(key.ID())
	fmt.Printf("%v %+v %#v\n", key, key, key)
	fmt.Println(key.Secret()) // for the secret store, and nothing else
	// Output:
	// 2025
	// key 2025 key 2025 key 2025
	// 2025:MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY
}

func ExampleNewSecretKey() {
	_, err := weft.NewSecretKey("2025", []byte("too short"))
	fmt.Println(err)
	// Output: the key "2025" has 9 bytes and not 32; weft.GenerateKey makes one
}

func ExampleGenerateKey() {
	a, b := weft.GenerateKey(), weft.GenerateKey()
	fmt.Println(a.ID() == b.ID(), len(a.Secret()) > 32)
	// Output: false true
}

func ExampleKeyRing() {
	current, old := twoKeys()
	ring, err := weft.NewKeyRing(current, old)
	check(err)
	fmt.Println(ring.Current(), ring.IDs(), ring)
	// Output: 2025 [2025 2024] keys 2025, 2024
}

func ExampleNewKeyRing() {
	current, _ := twoKeys()
	_, err := weft.NewKeyRing(current, current)
	fmt.Println(err)
	// Output: the ring has two keys with the ID "2025"
}

func ExampleParseKeyRing() {
	current, old := twoKeys()
	os.Setenv("APP_KEYS", current.Secret()+","+old.Secret()) // as the program's environment has it
	ring, err := weft.ParseKeyRing(os.Getenv("APP_KEYS"))
	check(err)
	fmt.Println(ring)
	// Output: keys 2025, 2024
}

func ExampleDB_Rotate() {
	current, old := twoKeys()
	ring, err := weft.NewKeyRing(current, old)
	check(err)
	db := clinic(ring, mem.Open())
	defer db.Close()
	check(db.Rotate(context.Background(), weft.Rotation{}))
	fmt.Println("all values are under key", ring.Current())
	// Output: all values are under key 2025
}

func ExampleRotation() {
	current, old := twoKeys()
	before, err := weft.NewKeyRing(old)
	check(err)
	ring, err := weft.NewKeyRing(current, old)
	check(err)
	ctx := context.Background()
	file := keptOpen{mem.Open()}

	db := clinic(before, &file)
	check(weft.Repo[Patient](db).CreateMany(ctx, []*Patient{{ID: "1"}, {ID: "2"}, {ID: "3"}}))
	check(db.Close())

	db = clinic(ring, &file)
	defer db.Close()
	check(db.Rotate(ctx, weft.Rotation{
		Batch:    2,
		Progress: func(model string, done, total int64) { fmt.Println(model, done, "of", total) },
	}))
	// Output:
	// Patient 0 of 3
	// Patient 2 of 3
	// Patient 3 of 3
}

// keptOpen is an engine whose rows outlive Close, as those of a file do.
type keptOpen struct{ weft.Engine }

func (*keptOpen) Close() error { return nil }

func ExampleDB_KeyUse() {
	current, old := twoKeys()
	ring, err := weft.NewKeyRing(current, old)
	check(err)
	db := clinic(ring, mem.Open())
	defer db.Close()
	ctx := context.Background()
	check(weft.Repo[Patient](db).CreateMany(ctx, []*Patient{{ID: "1"}, {ID: "2"}}))
	use, err := db.KeyUse(ctx)
	check(err)
	for _, u := range use {
		fmt.Printf("%s.%s under %s: %d\n", u.Model, u.Field, u.Key, u.Rows)
	}
	// Output:
	// Patient.diagnosis under 2025: 2
	// Patient.diagnosis under 2024: 0
}

func ExampleKeyUse() {
	droppable := func(use []weft.KeyUse, key string) bool {
		for _, u := range use {
			if u.Key == key && u.Rows > 0 {
				return false
			}
		}
		return true
	}
	use := []weft.KeyUse{{Model: "Patient", Field: "diagnosis", Key: "2025", Rows: 7}, {Model: "Patient", Field: "diagnosis", Key: "2024"}}
	fmt.Println(droppable(use, "2025"), droppable(use, "2024"))
	// Output: false true
}
