package weft_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/weftdb/weft"
)

func ExampleError() {
	db := music()
	defer db.Close()

	_, err := weft.Repo[Artist](db).Where("name", "=", "Dora").First(context.Background())
	var e *weft.Error
	if errors.As(err, &e) {
		fmt.Println(e.Code, "|", e.Op, "|", e.Message)
	}
	// Output: NOT_FOUND | find Artist | no row matches
}

func ExampleCode() {
	for _, c := range []weft.Code{
		weft.CodeNotFound, weft.CodeConflict, weft.CodeUnauthorized, weft.CodeForbidden, weft.CodeValidation,
		weft.CodeRateLimit, weft.CodeQuota, weft.CodeUnsupported, weft.CodeDatabase, weft.CodeTimeout,
		weft.CodeSandbox, weft.CodeCancelled, weft.CodeInternal,
	} {
		fmt.Println(c, c.HTTP())
	}
	// Output:
	// NOT_FOUND 404
	// CONFLICT 409
	// UNAUTHORIZED 401
	// FORBIDDEN 403
	// VALIDATION_ERROR 422
	// RATE_LIMIT_EXCEEDED 429
	// QUOTA_EXCEEDED 507
	// CAPABILITY_NOT_SUPPORTED 501
	// DATABASE_ERROR 503
	// TIMEOUT 504
	// SANDBOX_VIOLATION 403
	// CANCELLED 499
	// INTERNAL_ERROR 500
}

func ExampleCodeOf() {
	db := music()
	defer db.Close()

	_, err := weft.Repo[Artist](db).Find(context.Background(), "nobody")
	fmt.Println(weft.CodeOf(err), weft.CodeOf(err).HTTP())
	fmt.Println(weft.CodeOf(errors.New("of somebody else")))
	fmt.Println(weft.CodeOf(nil) == "")
	// Output:
	// NOT_FOUND 404
	// INTERNAL_ERROR
	// true
}

// kind tells what went wrong; there is one such error per code.
func kind(err error) string {
	switch {
	case errors.Is(err, weft.ErrNotFound):
		return "no such row"
	case errors.Is(err, weft.ErrConflict):
		return "another write stands against it"
	case errors.Is(err, weft.ErrValidation):
		return "the input was refused"
	case errors.Is(err, weft.ErrUnauthorized), errors.Is(err, weft.ErrForbidden), errors.Is(err, weft.ErrSandbox):
		return "not permitted"
	case errors.Is(err, weft.ErrUnsupported):
		return "not possible here"
	case errors.Is(err, weft.ErrTimeout), errors.Is(err, weft.ErrCancelled):
		return "the context ended"
	case errors.Is(err, weft.ErrRateLimit), errors.Is(err, weft.ErrQuota):
		return "too much"
	case errors.Is(err, weft.ErrDatabase), errors.Is(err, weft.ErrInternal):
		return "something broke"
	}
	return "not of Weft"
}

func Example_errors() {
	db := music()
	defer db.Close()
	ctx, cancel := context.WithCancel(context.Background())
	artists := weft.Repo[Artist](db)

	fmt.Println(kind(artists.Create(ctx, &Artist{Name: "Ada"})))
	fmt.Println(kind(artists.Create(ctx, &Artist{})))
	_, err := artists.Cache(0).All(ctx)
	fmt.Println(kind(err))
	cancel()
	_, err = artists.All(ctx)
	fmt.Println(kind(err), errors.Is(err, context.Canceled))
	// Output:
	// another write stands against it
	// the input was refused
	// not possible here
	// the context ended true
}

func ExampleConflictError() {
	db := music()
	defer db.Close()

	err := weft.Repo[Artist](db).Create(context.Background(), &Artist{Name: "Ada"})
	var conflict *weft.ConflictError
	if errors.As(err, &conflict) {
		fmt.Println(conflict.Reason, conflict.Model, conflict.Fields)
	}
	// Output: unique Artist [name]
}

func ExampleFresh() {
	db := music()
	defer db.Close()
	ctx := context.Background()
	artists := weft.Repo[Artist](db)
	mine, err := artists.Where("name", "=", "Ada").First(ctx)
	check(err)
	_, err = artists.Update(ctx, mine.ID, weft.Set{"email": "ada@example.org"}) // somebody was faster
	check(err)

	mine.Name = "Ada L."
	err = artists.Save(ctx, mine)
	if fresh, ok := weft.Fresh[Artist](err); ok {
		fmt.Println("now it is", fresh.Name, fresh.Email)
		fresh.Name = mine.Name
		err = artists.Save(ctx, fresh)
	}
	fmt.Println(err)
	// Output:
	// now it is Ada ada@example.org
	// <nil>
}

func ExampleValidationError() {
	db := music()
	defer db.Close()

	err := weft.Repo[Artist](db).Create(context.Background(), &Artist{Email: "at home"})
	var invalid *weft.ValidationError
	if errors.As(err, &invalid) {
		fmt.Println(len(invalid.Failures), invalid.Fields["email"])
	}
	// Output: 2 [must be an email address]
}

func ExampleFailure() {
	db := music()
	defer db.Close()

	long := make([]byte, 60)
	for i := range long {
		long[i] = 'a'
	}
	err := weft.Repo[Artist](db).Create(context.Background(), &Artist{Name: string(long)})
	var invalid *weft.ValidationError
	if errors.As(err, &invalid) {
		for _, f := range invalid.Failures { // each a weft.Failure
			fmt.Println(f.Field, f.Rule, f.Param)
		}
	}
	// Output: name max 50
}
