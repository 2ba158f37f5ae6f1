package validate

import (
	"time"

	"github.com/google/uuid"
	gonanoid "github.com/matoous/go-nanoid/v2"

	"github.com/weftdb/weft/op"
	"github.com/weftdb/weft/schema"
)

const (
	nanoAlphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	nanoSize     = 21
)

// now is the time in the precision that is kept.
func (l *layer) now() time.Time {
	if l.Clock != nil {
		return l.Clock().UTC().Truncate(time.Microsecond)
	}
	return time.Now().UTC().Truncate(time.Microsecond)
}

func (l *layer) newID() (string, error) {
	if l.NewID != nil {
		return l.NewID(), nil
	}
	id, err := uuid.NewV7()
	if err != nil {
		return "", op.Errorf(op.CodeInternal, "make a uuid: %w", err)
	}
	return id.String(), nil
}

func (l *layer) newNano(f *schema.Field) (string, error) {
	if l.NewNanoID != nil {
		return l.NewNanoID(), nil
	}
	n := nanoSize
	if f.Size > 0 && (f.Size < n || f.Type == schema.NanoID) {
		n = f.Size
	}
	id, err := gonanoid.Generate(nanoAlphabet, n)
	if err != nil {
		return "", op.Errorf(op.CodeInternal, "make a nanoid: %w", err)
	}
	return id, nil
}
