// Package schema declares the benchmark's models for ent.
package schema

import (
	"time"

	"entgo.io/ent"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
)

// Writer has posts.
type Writer struct{ ent.Schema }

// Fields of a writer.
func (Writer) Fields() []ent.Field {
	return []ent.Field{field.String("id"), field.String("name"), field.Time("created_at").Default(time.Now)}
}

// Edges of a writer.
func (Writer) Edges() []ent.Edge { return []ent.Edge{edge.To("posts", Post.Type)} }

// Post belongs to a writer.
type Post struct{ ent.Schema }

// Fields of a post.
func (Post) Fields() []ent.Field {
	return []ent.Field{
		field.String("id"),
		field.Time("created_at").Default(time.Now),
		field.Time("updated_at").Default(time.Now).UpdateDefault(time.Now),
		field.Int64("version").Default(1),
		field.String("title"),
		field.String("writer_id"),
		field.Int64("likes"),
		field.Bool("public"),
	}
}

// Edges of a post.
func (Post) Edges() []ent.Edge {
	return []ent.Edge{edge.From("writer", Writer.Type).Ref("posts").Field("writer_id").Unique().Required()}
}

// Indexes of a post.
func (Post) Indexes() []ent.Index {
	return []ent.Index{index.Fields("writer_id"), index.Fields("likes")}
}
