#include "glue.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "_cgo_export.h"

static const char overflow[] = "weft: out of range";

#define TRANSIENT ((void (*)(void *)) - 1)

// give calls a function in Go.
static void give(sqlite3_context *ctx, int which, int n, sqlite3_value **argv) {
	weft_cell few[8], *cells = few, out;
	int rc;
	memset(&out, 0, sizeof out);
	if (n > 8) {
		cells = malloc(sizeof *cells * (size_t)n);
		if (cells == NULL) {
			sqlite3_result_error_nomem(ctx);
			return;
		}
	}
	for (int i = 0; i < n; i++) {
		weft_cell *v = &cells[i];
		v->len = 0;
		v->u.i = 0;
		switch (sqlite3_value_type(argv[i])) {
		case SQLITE_INTEGER:
			v->kind = WEFT_INT;
			v->u.i = sqlite3_value_int64(argv[i]);
			break;
		case SQLITE_FLOAT:
			v->kind = WEFT_FLOAT;
			v->u.f = sqlite3_value_double(argv[i]);
			break;
		case SQLITE_TEXT:
			v->kind = WEFT_TEXT;
			v->u.p = (char *)sqlite3_value_text(argv[i]);
			v->len = (uint32_t)sqlite3_value_bytes(argv[i]);
			break;
		case SQLITE_BLOB:
			v->kind = WEFT_BLOB;
			v->u.p = (char *)sqlite3_value_blob(argv[i]);
			v->len = (uint32_t)sqlite3_value_bytes(argv[i]);
			break;
		default:
			v->kind = WEFT_NULL;
		}
	}
	rc = weftCall(which, n, cells, &out);
	if (cells != few) free(cells);
	if (rc != 0) {
		sqlite3_result_error(ctx, out.u.p ? out.u.p : "out of memory", out.u.p ? (int)out.len : -1);
		free(out.u.p);
		return;
	}
	switch (out.kind) {
	case WEFT_INT:
		sqlite3_result_int64(ctx, out.u.i);
		break;
	case WEFT_FLOAT:
		sqlite3_result_double(ctx, out.u.f);
		break;
	case WEFT_TEXT:
		sqlite3_result_text(ctx, out.u.p, (int)out.len, free);
		break;
	case WEFT_BLOB:
		sqlite3_result_blob(ctx, out.u.p, (int)out.len, free);
		break;
	default:
		sqlite3_result_null(ctx);
	}
}

static void fn_go(sqlite3_context *ctx, int n, sqlite3_value **argv) {
	give(ctx, (int)(intptr_t)sqlite3_user_data(ctx), n, argv);
}

// fn_fold folds ASCII; Go does the rest.
static void fn_fold(sqlite3_context *ctx, int n, sqlite3_value **argv) {
	const unsigned char *p;
	unsigned char upper = 0, high = 0;
	int len;
	switch (sqlite3_value_type(argv[0])) {
	case SQLITE_TEXT:
		break;
	case SQLITE_NULL:
	case SQLITE_INTEGER:
		sqlite3_result_value(ctx, argv[0]);
		return;
	default:
		fn_go(ctx, n, argv);
		return;
	}
	p = sqlite3_value_text(argv[0]);
	len = sqlite3_value_bytes(argv[0]);
	for (int i = 0; i < len; i++) {
		high |= p[i];
		upper |= (unsigned char)(p[i] - 'A') < 26;
	}
	if (high >= 0x80) {
		fn_go(ctx, n, argv);
	} else if (!upper) {
		sqlite3_result_value(ctx, argv[0]);
	} else {
		char small[256], *out = len <= (int)sizeof small ? small : malloc((size_t)len);
		if (out == NULL) {
			sqlite3_result_error_nomem(ctx);
			return;
		}
		for (int i = 0; i < len; i++) {
			unsigned char c = p[i];
			out[i] = (char)(c + (((unsigned char)(c - 'A') < 26) << 5));
		}
		sqlite3_result_text(ctx, out, len, out == small ? TRANSIENT : free);
	}
}

// fn_add adds two numbers and fails where the sum leaves the range, which
// SQLite would pass over or answer with a float.
static void fn_add(sqlite3_context *ctx, int n, sqlite3_value **argv) {
	double f;
	if (sqlite3_value_type(argv[0]) == SQLITE_INTEGER && sqlite3_value_type(argv[1]) == SQLITE_INTEGER) {
		long long sum;
		if (__builtin_add_overflow(sqlite3_value_int64(argv[0]), sqlite3_value_int64(argv[1]), &sum) ||
			sum < sqlite3_value_int64(argv[2]) || sum > sqlite3_value_int64(argv[3])) {
			sqlite3_result_error(ctx, overflow, -1);
			return;
		}
		sqlite3_result_int64(ctx, sum);
		return;
	}
	f = sqlite3_value_double(argv[0]) + sqlite3_value_double(argv[1]);
	if (!isfinite(f)) {
		sqlite3_result_error(ctx, overflow, -1);
		return;
	}
	sqlite3_result_double(ctx, f);
}

// sum is an exact sum. SQLite's own fails when it leaves 64 bits on the way,
// even when it comes back.
typedef struct {
	__int128 n;
	int some;
} sum;

static void sum_step(sqlite3_context *ctx, int n, sqlite3_value **argv) {
	sum *s = sqlite3_aggregate_context(ctx, sizeof *s + 8);
	__int128 v;
	if (s == NULL || sqlite3_value_type(argv[0]) == SQLITE_NULL) return;
	memcpy(&v, s, sizeof v); // it need not lie on a multiple of 16
	v += sqlite3_value_int64(argv[0]);
	memcpy(s, &v, sizeof v);
	((char *)s)[sizeof v] = 1;
}

static void sum_final(sqlite3_context *ctx) {
	char *s = sqlite3_aggregate_context(ctx, 0);
	char text[48], *at = text + sizeof text;
	unsigned __int128 u;
	__int128 v;
	if (s == NULL || !s[sizeof v]) {
		sqlite3_result_null(ctx);
		return;
	}
	memcpy(&v, s, sizeof v);
	if (v >= INT64_MIN && v <= INT64_MAX) {
		sqlite3_result_int64(ctx, (weft_i64)v);
		return;
	}
	if (sqlite3_user_data(ctx) == NULL) {
		sqlite3_result_error(ctx, overflow, -1);
		return;
	}
	u = v < 0 ? -(unsigned __int128)v : (unsigned __int128)v;
	for (; u != 0; u /= 10) *--at = (char)('0' + (int)(u % 10));
	if (v < 0) *--at = '-';
	sqlite3_result_text(ctx, at, (int)(text + sizeof text - at), TRANSIENT);
}

// draw fills p from the connection's generator, or from SQLite's.
static void draw(weft_conn *c, unsigned char *p, int n) {
	if (!c->seeded) {
		sqlite3_randomness(n, p);
		return;
	}
	while (n > 0) { // SplitMix64
		uint64_t z = (c->seed += 0x9e3779b97f4a7c15u);
		z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
		z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
		z ^= z >> 31;
		for (int i = 0; i < 8 && n > 0; i++, n--, z >>= 8) *p++ = (unsigned char)z;
	}
}

static void fn_random(sqlite3_context *ctx, int n, sqlite3_value **argv) {
	weft_i64 v;
	draw(sqlite3_user_data(ctx), (unsigned char *)&v, sizeof v);
	if (v < 0) v = -(v & INT64_MAX); // never the one number whose sign cannot be changed
	sqlite3_result_int64(ctx, v);
}

static void fn_randomblob(sqlite3_context *ctx, int n, sqlite3_value **argv) {
	weft_i64 len = sqlite3_value_int64(argv[0]);
	unsigned char *p;
	if (len < 1) len = 1;
	if (len > sqlite3_limit(sqlite3_context_db_handle(ctx), 0, -1)) {
		sqlite3_result_error_toobig(ctx);
		return;
	}
	p = malloc((size_t)len);
	if (p == NULL) {
		sqlite3_result_error_nomem(ctx);
		return;
	}
	draw(sqlite3_user_data(ctx), p, (int)len);
	sqlite3_result_blob(ctx, p, (int)len, free);
}

// fn_changes does not tell of changes by earlier calls: another replica may
// have been restarted in between.
static void fn_changes(sqlite3_context *ctx, int n, sqlite3_value **argv) {
	weft_conn *c = sqlite3_user_data(ctx);
	sqlite3_result_int64(ctx, sqlite3_total_changes64(c->db) == c->before ? 0 : sqlite3_changes64(c->db));
}

void weft_seed(weft_conn *c, int on, uint64_t seed, int *was_on, uint64_t *was) {
	*was_on = c->seeded;
	*was = c->seed;
	c->seeded = on;
	c->seed = seed;
}

static void fn_apply(sqlite3_context *ctx, int n, sqlite3_value **argv) {
	weft_conn *c = sqlite3_user_data(ctx);
	const char *why = NULL;
	char *err;
	int rc;
	if (c->own)
		why = "weft_apply: this connection is not one that applies entries";
	else if (c->applying)
		why = "weft_apply: called inside itself";
	else if (sqlite3_db_readonly(c->db, "main") != 0)
		why = "weft_apply: the connection is read-only";
	else if (!sqlite3_get_autocommit(c->db))
		why = "weft_apply: called inside a transaction";
	else if (sqlite3_value_type(argv[0]) != SQLITE_BLOB)
		why = "weft_apply: an entry is a blob";
	if (why != NULL) {
		sqlite3_result_error(ctx, why, -1);
		return;
	}
	rc = weft_config(c);
	if (rc != SQLITE_OK) {
		sqlite3_result_error(ctx, sqlite3_errstr(rc), -1);
		return;
	}
	c->applying = 1;
	err = weftApply(c, (void *)sqlite3_value_blob(argv[0]), sqlite3_value_bytes(argv[0]));
	c->applying = 0;
	if (err != NULL) {
		sqlite3_result_error(ctx, err, -1);
		free(err);
		return;
	}
	sqlite3_result_int64(ctx, 1);
}

int weft_functions(weft_conn *c) {
	enum { UTF8 = 1, SAME = 0x800, DIRECT = 0x80000, SAFE = 0x200000 };
	struct {
		const char *name;
		int args, flags;
		void *data;
		void (*fn)(sqlite3_context *, int, sqlite3_value **);
		void (*final)(sqlite3_context *);
	} list[] = {
		{"weft_fold", 1, UTF8 | SAME | SAFE, (void *)0, fn_fold, NULL},
		{"weft_add", 4, UTF8 | SAME | SAFE, NULL, fn_add, NULL},
		{"weft_key", 1, UTF8 | SAME | SAFE, (void *)2, fn_go, NULL},
		{"weft_json_set", 3, UTF8 | SAME | SAFE, (void *)3, fn_go, NULL},
		{"weft_time", 1, UTF8 | SAME | SAFE, (void *)4, fn_go, NULL},
		{"weft_rank", -1, UTF8 | SAME | SAFE, (void *)5, fn_go, NULL},
		{"weft_sum", 1, UTF8 | SAME | SAFE, NULL, sum_step, sum_final},
		{"weft_sum_wide", 1, UTF8 | SAME | SAFE, (void *)1, sum_step, sum_final},
		{"random", 0, UTF8 | SAFE, c, fn_random, NULL},
		{"randomblob", 1, UTF8 | SAFE, c, fn_randomblob, NULL},
		{"changes", 0, UTF8 | SAFE, c, fn_changes, NULL},
		{"weft_apply", 1, UTF8 | DIRECT, c, fn_apply, NULL}, // the last: it frees c
	};
	const size_t last = sizeof list / sizeof *list - 1;
	for (size_t i = 0; i <= last; i++) {
		int agg = list[i].final != NULL;
		int rc = sqlite3_create_function_v2(c->db, list[i].name, list[i].args, list[i].flags, list[i].data,
			agg ? NULL : list[i].fn, agg ? list[i].fn : NULL, list[i].final, i == last ? free : NULL);
		if (rc != SQLITE_OK) {
			if (i < last) free(c);
			return rc;
		}
	}
	return SQLITE_OK;
}
