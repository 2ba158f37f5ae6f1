// Package mysql is the engine for MySQL 8 and MariaDB 10.6 or newer.
//
// It speaks to the server through github.com/go-sql-driver/mysql, but not
// through database/sql: it keeps the driver's connections in a pool of its own,
// prepares every statement once for each connection and runs it by the binary
// protocol. Values are not converted twice, and a context that ends stops the
// statement on the server (KILL QUERY) instead of breaking the connection.
//
// # Sessions
//
// Every connection is set up alike: UTC, utf8mb4 with a collation that compares
// bytes, strict mode, the isolation level SERIALIZABLE, and a limit for waiting
// on locks. Result.N counts the rows that a condition found, whether or not
// their values changed.
//
// # Transactions
//
// Transactions are serializable: what a transaction has read stays locked until
// its end. A deadlock, or a lock that is not to be had in time, ends the whole
// transaction and is a conflict that may be retried, as DB.Tx does. An operation
// outside a transaction is tried again by the engine itself. A read-only
// transaction reads one snapshot and locks nothing.
//
// A connection gives one result at a time. In a transaction what is left of an
// open find is read into memory when the next statement runs.
package mysql
