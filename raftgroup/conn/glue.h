// What this package calls of SQLite, which github.com/rqlite/go-sqlite3 links,
// and its own functions in C. Each of those does in one call what would be many
// calls out of Go.
#ifndef WEFT_GLUE_H
#define WEFT_GLUE_H

#include <stddef.h>
#include <stdint.h>

typedef struct sqlite3 sqlite3;
typedef struct sqlite3_stmt sqlite3_stmt;
typedef struct sqlite3_value sqlite3_value;
typedef struct sqlite3_context sqlite3_context;
typedef struct sqlite3_backup sqlite3_backup;
typedef long long int weft_i64;

typedef struct sqlite3_vfs sqlite3_vfs;
struct sqlite3_vfs {
	int iVersion;
	int szOsFile;
	int mxPathname;
	sqlite3_vfs *pNext;
	const char *zName;
	void *pAppData;
	void *files[4]; // open, delete, access, full path name
	void *libs[4];
	int (*xRandomness)(sqlite3_vfs *, int, char *);
	int (*xSleep)(sqlite3_vfs *, int);
	int (*xCurrentTime)(sqlite3_vfs *, double *);
	int (*xGetLastError)(sqlite3_vfs *, int, char *);
	int (*xCurrentTimeInt64)(sqlite3_vfs *, weft_i64 *);
	void *calls[3];
};

sqlite3_vfs *sqlite3_vfs_find(const char *);
int sqlite3_vfs_register(sqlite3_vfs *, int);
int sqlite3_initialize(void);
int sqlite3_test_control(int, ...);
int sqlite3_auto_extension(void (*)(void));
int sqlite3_open_v2(const char *, sqlite3 **, int, const char *);
int sqlite3_close_v2(sqlite3 *);
int sqlite3_db_config(sqlite3 *, int, ...);
int sqlite3_db_readonly(sqlite3 *, const char *);
const char *sqlite3_db_filename(sqlite3 *, const char *);
int sqlite3_wal_autocheckpoint(sqlite3 *, int);
int sqlite3_extended_result_codes(sqlite3 *, int);
int sqlite3_extended_errcode(sqlite3 *);
const char *sqlite3_errmsg(sqlite3 *);
const char *sqlite3_errstr(int);
int sqlite3_strnicmp(const char *, const char *, int);
int sqlite3_get_autocommit(sqlite3 *);
int sqlite3_txn_state(sqlite3 *, const char *);
weft_i64 sqlite3_changes64(sqlite3 *);
weft_i64 sqlite3_total_changes64(sqlite3 *);
weft_i64 sqlite3_last_insert_rowid(sqlite3 *);
void sqlite3_set_last_insert_rowid(sqlite3 *, weft_i64);
int sqlite3_busy_handler(sqlite3 *, int (*)(void *, int), void *);
void sqlite3_progress_handler(sqlite3 *, int, int (*)(void *), void *);
int sqlite3_set_authorizer(sqlite3 *, int (*)(void *, int, const char *, const char *, const char *, const char *), void *);
int sqlite3_trace_v2(sqlite3 *, unsigned, int (*)(unsigned, void *, void *, void *), void *);
void *sqlite3_update_hook(sqlite3 *, void (*)(void *, int, char const *, char const *, weft_i64), void *);
void *sqlite3_get_clientdata(sqlite3 *, const char *);
int sqlite3_set_clientdata(sqlite3 *, const char *, void *, void (*)(void *));
int sqlite3_limit(sqlite3 *, int, int);
int sqlite3_db_status(sqlite3 *, int, int *, int *, int);
int sqlite3_table_column_metadata(sqlite3 *, const char *, const char *, const char *, char const **, char const **, int *, int *, int *);

int sqlite3_prepare_v3(sqlite3 *, const char *, int, unsigned, sqlite3_stmt **, const char **);
int sqlite3_step(sqlite3_stmt *);
int sqlite3_reset(sqlite3_stmt *);
int sqlite3_finalize(sqlite3_stmt *);
int sqlite3_clear_bindings(sqlite3_stmt *);
int sqlite3_stmt_readonly(sqlite3_stmt *);
int sqlite3_stmt_isexplain(sqlite3_stmt *);
int sqlite3_stmt_status(sqlite3_stmt *, int, int);
int sqlite3_bind_parameter_count(sqlite3_stmt *);
const char *sqlite3_bind_parameter_name(sqlite3_stmt *, int);
int sqlite3_bind_int64(sqlite3_stmt *, int, weft_i64);
int sqlite3_bind_double(sqlite3_stmt *, int, double);
int sqlite3_bind_null(sqlite3_stmt *, int);
int sqlite3_bind_text(sqlite3_stmt *, int, const char *, int, void (*)(void *));
int sqlite3_bind_blob(sqlite3_stmt *, int, const void *, int, void (*)(void *));
int sqlite3_column_count(sqlite3_stmt *);
const char *sqlite3_column_name(sqlite3_stmt *, int);
const char *sqlite3_column_decltype(sqlite3_stmt *, int);
int sqlite3_column_type(sqlite3_stmt *, int);
weft_i64 sqlite3_column_int64(sqlite3_stmt *, int);
double sqlite3_column_double(sqlite3_stmt *, int);
const void *sqlite3_column_blob(sqlite3_stmt *, int);
int sqlite3_column_bytes(sqlite3_stmt *, int);

int sqlite3_create_function_v2(sqlite3 *, const char *, int, int, void *, void (*)(sqlite3_context *, int, sqlite3_value **),
	void (*)(sqlite3_context *, int, sqlite3_value **), void (*)(sqlite3_context *), void (*)(void *));
void *sqlite3_user_data(sqlite3_context *);
sqlite3 *sqlite3_context_db_handle(sqlite3_context *);
void *sqlite3_aggregate_context(sqlite3_context *, int);
int sqlite3_value_type(sqlite3_value *);
weft_i64 sqlite3_value_int64(sqlite3_value *);
double sqlite3_value_double(sqlite3_value *);
const unsigned char *sqlite3_value_text(sqlite3_value *);
const void *sqlite3_value_blob(sqlite3_value *);
int sqlite3_value_bytes(sqlite3_value *);
void sqlite3_result_null(sqlite3_context *);
void sqlite3_result_int64(sqlite3_context *, weft_i64);
void sqlite3_result_double(sqlite3_context *, double);
void sqlite3_result_text(sqlite3_context *, const char *, int, void (*)(void *));
void sqlite3_result_blob(sqlite3_context *, const void *, int, void (*)(void *));
void sqlite3_result_value(sqlite3_context *, sqlite3_value *);
void sqlite3_result_error(sqlite3_context *, const char *, int);
void sqlite3_result_error_nomem(sqlite3_context *);
void sqlite3_result_error_toobig(sqlite3_context *);
void sqlite3_randomness(int, void *);

sqlite3_backup *sqlite3_backup_init(sqlite3 *, const char *, sqlite3 *, const char *);
int sqlite3_backup_step(sqlite3_backup *, int);
int sqlite3_backup_finish(sqlite3_backup *);

#define SQLITE_OK 0
#define SQLITE_ERROR 1
#define SQLITE_NOMEM 7
#define SQLITE_TOOBIG 18
#define SQLITE_ROW 100
#define SQLITE_DONE 101
#define SQLITE_INTEGER 1
#define SQLITE_FLOAT 2
#define SQLITE_TEXT 3
#define SQLITE_BLOB 4
#define SQLITE_NULL 5

// weft_cell is a value: an argument, a column of a row, an argument or the
// result of a function. kind is that of package sqlengine.
typedef struct {
	uint32_t kind;
	uint32_t len; // of text and blob
	union {
		int64_t i;
		double f;
		uint64_t at; // of text and blob: where its bytes are, counted from the beginning
		char *p;     // the same in functions: the bytes
	} u;
} weft_cell;

enum { WEFT_NULL, WEFT_INT, WEFT_FLOAT, WEFT_TEXT, WEFT_BLOB };

// weft_conn is what C knows of a connection. Every connection has one.
typedef struct {
	sqlite3 *db;
	uintptr_t handle; // finds the Conn in Go; 0 when there is none
	int own;          // opened by this package
	int settled;      // a borrowed one that has its settings
	int applying;     // inside weft_apply
	int checking;     // a statement that somebody else wrote is being prepared
	int watch;        // Go is asked whether to go on
	int final;        // the end of a transaction runs
	int writing;      // a write of its own runs, outside a transaction
	int stop;         // set by other threads
	weft_i64 budget;  // thousands of steps that are left to what runs; 0 is any number
	int spent;        // they were used up

	int seeded;
	uint64_t seed;   // state of the generator
	weft_i64 before; // changes on the connection that belong to earlier calls
	int highest;     // 1: a row took the highest rowid, behind which SQLite draws by lot; 2: sqlite_sequence was written

	// Of the last call.
	int rc; // extended result code
	int autocommit;
	int dangling; // a foreign key that is checked at the end of the transaction points nowhere
	weft_i64 changes, lastkey;
	int serial; // statements prepared
	int tail;   // bytes of the text that the statement took
	char err[1024];
} weft_conn;

// weft_stmt is a prepared statement with memory for its arguments and rows.
typedef struct {
	sqlite3_stmt *p;
	weft_conn *c;
	int cols, args, reads, explains;
	int serial; // of the connection's statements
	char *arena; // weft_cell of each argument, then their bytes
	size_t room;
	char *buf; // rows: bytes in all as uint64, weft_cell of each column, their bytes, to a multiple of 8
	size_t size;
	int rows; // in buf
	int rc;   // SQLITE_ROW when there may be more, SQLITE_DONE, or an error
} weft_stmt;

int weft_setup(void);
int weft_open(const char *path, int flags, uintptr_t handle, weft_conn **out, char *err, int errlen);
int weft_config(weft_conn *c);
void weft_state(weft_conn *c);
int weft_fail(weft_conn *c, int rc);

weft_stmt *weft_prepare(weft_conn *c, const char *z, int n, unsigned flags);
int weft_arena(weft_stmt *s, size_t room);
void weft_batch(weft_stmt *s, int first, int rows, size_t bytes);
void weft_exec(weft_stmt *s);
void weft_reset(weft_stmt *s, size_t keep);
void weft_finalize(weft_stmt *s);

void weft_stamp(int on, weft_i64 micros, int *was_on, weft_i64 *was);
void weft_forget(weft_conn *c);
void weft_seed(weft_conn *c, int on, uint64_t seed, int *was_on, uint64_t *was);
int weft_functions(weft_conn *c);

#endif
