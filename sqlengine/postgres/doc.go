// Package postgres keeps data in PostgreSQL, version 13 or later:
//
//	db, err := weft.Open(postgres.Open("postgres://app@localhost/shop"), weft.Models(Post{}))
//
// Answers are those of every other engine: text sorts and compares by bytes,
// NULL is smallest, like folds case rune by rune, decimals and big integers
// are exact, times are in UTC. The encoding of the database must be UTF8.
//
// Transactions are serializable. An operation that fails inside a transaction
// leaves nothing behind and the transaction goes on: each has a savepoint,
// which travels with its first statement and is released with the next.
// Outside of transactions an operation that PostgreSQL cannot serialize is run
// again by the engine.
//
// The engine speaks pgx's lower level: statements are prepared once a
// connection, rows are read from the wire into structs.
package postgres
