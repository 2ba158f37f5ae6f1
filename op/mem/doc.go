// Package mem is the reference engine: all rows in memory, every rule of
// package op spelled out plainly. Other engines are compared with it, so it is
// written to be obviously right and not to be fast: it searches, also for
// words, by looking at every row.
//
// It runs every kind of operation but Watch, SQL and Backup, and refuses With
// (layer relate loads relations) and unique partial indexes:
// CAPABILITY_NOT_SUPPORTED.
//
// # Concurrency
//
// The committed tables are never changed: a write works on copies and puts
// them in place at the end. Readers see what was committed when they began and
// wait for nobody. Writers take turns, a transaction from Begin to its end, so
// transactions are serializable. Waiting for the turn ends with the context. A
// nested transaction works on copies of its parent's tables.
//
// # Constraints
//
// The key, unique fields and unique indexes hold for the rows as an operation
// leaves them, not in between; rows with a NULL in them never collide, and of a
// model with soft delete rows that are marked collide by their key alone. Foreign
// keys are those of [op.ForeignKeys] over the set of the operation's model, with
// or without a migration. A key with a NULL points nowhere. What points at a row that is deleted, or whose key changes, follows
// the action: cascade deletes it (or takes the new key), set null and set
// default change it, restrict and none make the operation a conflict with
// reason reference.
//
// # Tables
//
// A table is made when it is first written to. A migration brings tables with
// other columns to their models; without one they are a DATABASE_ERROR.
//
// # Values that were not given
//
// In an insert Unset becomes the next integer of an automatic key, else the
// default where it is a value or the current time, else 1 in the version, else
// NULL; NULL in a field that is not nullable is a VALIDATION_ERROR of rule
// null. After increments the field's range is checked like that of any write.
package mem
