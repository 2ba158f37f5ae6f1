package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"
)

// Author, Book and Genre are the models of docs/coming-from-ent.md.
type Author struct{ ent.Schema }

// Fields of an author.
func (Author) Fields() []ent.Field {
	return []ent.Field{field.String("name").Unique(), field.String("email").Default("")}
}

// Edges of an author.
func (Author) Edges() []ent.Edge { return []ent.Edge{edge.To("books", Book.Type)} }

// Book is by an author.
type Book struct{ ent.Schema }

// Fields of a book.
func (Book) Fields() []ent.Field {
	return []ent.Field{
		field.String("title").NotEmpty(),
		field.Int64("sold").Default(0),
		field.Bool("in_print").Default(true),
		field.Time("released").Optional().Nillable(),
		field.Int("author_id"),
	}
}

// Edges of a book.
func (Book) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("author", Author.Type).Ref("books").Field("author_id").Unique().Required(),
		edge.To("genres", Genre.Type),
	}
}

// Genre has books.
type Genre struct{ ent.Schema }

// Fields of a genre.
func (Genre) Fields() []ent.Field { return []ent.Field{field.String("name")} }

// Edges of a genre.
func (Genre) Edges() []ent.Edge { return []ent.Edge{edge.From("books", Book.Type).Ref("genres")} }
