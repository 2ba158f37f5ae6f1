// Package kinds has types that models of another package use.
package kinds

import (
	"database/sql/driver"
	"encoding/json"
)

// Level is a number of another package.
type Level int16

// Color is a text.
type Color string

// Money converts itself.
type Money struct{ Cents int64 }

// Value gives the cents.
func (m Money) Value() (driver.Value, error) { return m.Cents, nil }

// Scan reads the cents.
func (m *Money) Scan(v any) error {
	m.Cents, _ = v.(int64)
	return nil
}

// Token can be asked for its value by pointer only.
type Token struct{ S string }

// Value gives the text.
func (t *Token) Value() (driver.Value, error) { return t.S, nil }

// Scan reads the text.
func (t *Token) Scan(v any) error {
	t.S, _ = v.(string)
	return nil
}

// Point is a struct.
type Point struct{ X, Y int }

// Shape writes its own JSON.
type Shape []Point

// MarshalJSON writes the number of points.
func (s Shape) MarshalJSON() ([]byte, error) { return json.Marshal(len(s)) }

// Pair is generic.
type Pair[A, B any] struct {
	First  A
	Second B
}
