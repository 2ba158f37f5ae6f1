#include "glue.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "_cgo_export.h"

// Time. The default file system of the process is a copy of SQLite's own whose
// clock shows the stamped time on a thread that has one.

static sqlite3_vfs shim;
static sqlite3_vfs *unix_vfs;
static __thread int stamped;
static __thread weft_i64 stamp; // milliseconds since the beginning of the Julian calendar

static int shim_time64(sqlite3_vfs *v, weft_i64 *out) {
	if (stamped) {
		*out = stamp;
		return SQLITE_OK;
	}
	return unix_vfs->xCurrentTimeInt64(unix_vfs, out);
}

static int shim_time(sqlite3_vfs *v, double *out) {
	weft_i64 n = 0;
	int rc = shim_time64(v, &n);
	*out = n / 86400000.0;
	return rc;
}

void weft_stamp(int on, weft_i64 millis, int *was_on, weft_i64 *was) {
	*was_on = stamped;
	*was = stamp;
	stamped = on;
	stamp = millis;
}

// Every node is in UTC: where it stands must not be seen in the data.
static int utc(const void *t, void *tm) {
	return gmtime_r((const time_t *)t, (struct tm *)tm) == NULL;
}

// The authorizer stands on every connection all the time, because setting one
// makes SQLite prepare all statements again. It asks Go while a statement that
// somebody else wrote is prepared. Always, triggers must not write what belongs
// to the group, nor statistics, which has to be known of.

static int ours(const char *name) {
	static const char prefix[] = "weft_group_";
	if (name == NULL) return 0;
	for (int i = 0; prefix[i]; i++) {
		char c = name[i];
		if (c >= 'A' && c <= 'Z') c += 'a' - 'A';
		if (c != prefix[i]) return 0;
	}
	return 1;
}

// statistics are SQLite's own, by which it plans. See Replan.
static int statistics(const char *name) {
	return name != NULL && sqlite3_strnicmp(name, "sqlite_stat", 11) == 0;
}

static int on_authorize(void *p, int action, const char *a, const char *b, const char *db, const char *by) {
	weft_conn *c = p;
	if (by != NULL && (action == 9 || action == 18 || action == 23) && (ours(a) || statistics(a))) return 1;
	if (!c->checking) return SQLITE_OK;
	return weftAuthorize(c->handle, action, (char *)a, (char *)b, (char *)db, (char *)by);
}

static int on_close(unsigned what, void *p, void *db, void *x) {
	weft_conn *c = p;
	if (c->handle) weftClosing(c->handle);
	return 0;
}

// A table whose highest rowid is taken gets random ones from then on.
static void on_update(void *p, int action, char const *db, char const *table, weft_i64 rowid) {
	if (action == 9) return;
	if (rowid == INT64_MAX) ((weft_conn *)p)->highest |= 1;
	if (table[0] == 's' && strcmp(table, "sqlite_sequence") == 0) ((weft_conn *)p)->highest |= 2;
}

static int on_progress(void *p) {
	weft_conn *c = p;
	if (c->budget > 0 && --c->budget == 0) {
		c->spent = 1;
		return 1;
	}
	if (c->final || (!c->watch && !__atomic_load_n(&c->stop, __ATOMIC_RELAXED))) return 0;
	// SQLite asks once more when a statement is done; a write that has been
	// committed by then must not be told that it failed.
	if (c->writing && sqlite3_txn_state(c->db, NULL) == 0) return 0;
	return __atomic_load_n(&c->stop, __ATOMIC_RELAXED) || weftEnded(c->handle);
}

static int on_busy(void *p, int count) {
	weft_conn *c = p;
	return weftBusy(c->handle, count);
}

static int extension(sqlite3 *db, char **err, const void *api) {
	weft_conn *c = calloc(1, sizeof *c);
	int rc;
	if (c == NULL) return SQLITE_NOMEM;
	c->db = db;
	c->autocommit = 1;
	// The memory belongs to a function: it is needed for as long as a statement
	// may be left that somebody forgot, and client data goes before.
	rc = weft_functions(c);
	if (rc != SQLITE_OK) return rc;
	rc = sqlite3_set_clientdata(db, "weft", c, NULL);
	if (rc != SQLITE_OK) return rc;
	sqlite3_set_authorizer(db, on_authorize, c);
	sqlite3_trace_v2(db, 8, on_close, c);
	return SQLITE_OK;
}

int weft_setup(void) {
	int rc = sqlite3_initialize();
	if (rc != SQLITE_OK) return rc;
	unix_vfs = sqlite3_vfs_find(NULL);
	if (unix_vfs == NULL || unix_vfs->iVersion < 2) return SQLITE_ERROR;
	shim = *unix_vfs;
	shim.pNext = NULL;
	shim.zName = "weft";
	shim.xCurrentTime = shim_time;
	shim.xCurrentTimeInt64 = shim_time64;
	rc = sqlite3_vfs_register(&shim, 1);
	if (rc != SQLITE_OK) return rc;
	sqlite3_test_control(18, 2, utc);
	return sqlite3_auto_extension((void (*)(void))extension);
}

// weft_forget drops what SQL could see of earlier calls.
void weft_forget(weft_conn *c) {
	sqlite3_set_last_insert_rowid(c->db, 0);
	c->before = sqlite3_total_changes64(c->db);
}

// weft_config gives a borrowed connection the settings that it needs.
int weft_config(weft_conn *c) {
	int rc = SQLITE_OK;
	weft_forget(c);
	if (!c->settled) {
		rc = sqlite3_db_config(c->db, 1010, 1, NULL); // defensive
		if (rc == SQLITE_OK) rc = sqlite3_db_config(c->db, 1017, 0, NULL); // schema is not trusted
		if (rc == SQLITE_OK) rc = sqlite3_db_config(c->db, 1006, 1, NULL); // no checkpoint on close
		sqlite3_update_hook(c->db, on_update, c);
		sqlite3_progress_handler(c->db, 1000, on_progress, c);
		sqlite3_limit(c->db, 0, 1 << 27); // bytes of a value or row
		c->settled = rc == SQLITE_OK;
	}
	if (rc == SQLITE_OK) rc = sqlite3_db_config(c->db, 1002, 1, NULL); // foreign keys
	weft_state(c);
	return rc;
}

int weft_open(const char *path, int flags, uintptr_t handle, weft_conn **out, char *err, int errlen) {
	sqlite3 *db = NULL;
	weft_conn *c = NULL;
	int rc = sqlite3_open_v2(path, &db, flags, NULL);
	if (rc == SQLITE_OK) {
		c = sqlite3_get_clientdata(db, "weft");
		if (c == NULL) rc = SQLITE_NOMEM;
	}
	if (rc != SQLITE_OK) {
		const char *msg = db ? sqlite3_errmsg(db) : sqlite3_errstr(rc);
		if (db) rc = sqlite3_extended_errcode(db);
		strncpy(err, msg, errlen - 1);
		err[errlen - 1] = 0;
		sqlite3_close_v2(db);
		return rc;
	}
	c->own = 1;
	c->handle = handle;
	sqlite3_extended_result_codes(db, 1);
	sqlite3_busy_handler(db, on_busy, c);
	sqlite3_wal_autocheckpoint(db, 0);
	*out = c;
	return weft_config(c);
}

// weft_state notes what Go wants to know after a call.
void weft_state(weft_conn *c) {
	int high;
	sqlite3_db_status(c->db, 10, &c->dangling, &high, 0); // deferred foreign keys
	c->autocommit = sqlite3_get_autocommit(c->db);
	c->changes = sqlite3_changes64(c->db);
	c->lastkey = sqlite3_last_insert_rowid(c->db);
}

// weft_fail notes an error and its text, which the next call of SQLite changes.
int weft_fail(weft_conn *c, int rc) {
	int ext = sqlite3_extended_errcode(c->db);
	const char *msg;
	if ((ext & 0xff) == (rc & 0xff)) {
		rc = ext;
		msg = sqlite3_errmsg(c->db);
	} else {
		msg = sqlite3_errstr(rc);
	}
	c->rc = rc;
	strncpy(c->err, msg ? msg : "", sizeof c->err - 1);
	c->err[sizeof c->err - 1] = 0;
	return rc;
}
