#include "glue.h"

#include <stdlib.h>
#include <string.h>

weft_stmt *weft_prepare(weft_conn *c, const char *z, int n, unsigned flags) {
	sqlite3_stmt *p = NULL;
	const char *tail = NULL;
	weft_stmt *s;
	int rc = sqlite3_prepare_v3(c->db, z, n, flags, &p, &tail);
	c->tail = tail ? (int)(tail - z) : n;
	if (rc != SQLITE_OK) {
		weft_fail(c, rc);
		return NULL;
	}
	c->rc = SQLITE_OK;
	s = calloc(1, sizeof *s);
	if (s == NULL) {
		sqlite3_finalize(p);
		c->rc = SQLITE_NOMEM;
		strcpy(c->err, "out of memory");
		return NULL;
	}
	s->c = c;
	s->p = p;
	s->serial = ++c->serial;
	if (p != NULL) {
		s->cols = sqlite3_column_count(p);
		s->args = sqlite3_bind_parameter_count(p);
		s->reads = sqlite3_stmt_readonly(p);
		s->explains = sqlite3_stmt_isexplain(p);
	}
	return s;
}

// weft_arena makes room for arguments.
int weft_arena(weft_stmt *s, size_t room) {
	if (room > s->room) {
		free(s->arena);
		s->room = 0;
		s->arena = malloc(room);
		if (s->arena == NULL) return SQLITE_NOMEM;
		s->room = room;
	}
	return SQLITE_OK;
}

static int grow(weft_stmt *s, size_t need) {
	size_t size = s->size ? s->size : 1024;
	char *p;
	if (need <= s->size) return SQLITE_OK;
	while (size < need) size *= 2;
	p = realloc(s->buf, size);
	if (p == NULL) return SQLITE_NOMEM;
	s->buf = p;
	s->size = size;
	return SQLITE_OK;
}

// bind sets all arguments. Their bytes stay where they are until the statement
// ends.
static int bind(weft_stmt *s) {
	weft_cell *v = (weft_cell *)s->arena;
	int rc = SQLITE_OK;
	for (int i = 1; i <= s->args && rc == SQLITE_OK; i++, v++) {
		switch (v->kind) {
		case WEFT_INT:
			rc = sqlite3_bind_int64(s->p, i, v->u.i);
			break;
		case WEFT_FLOAT:
			rc = sqlite3_bind_double(s->p, i, v->u.f);
			break;
		case WEFT_TEXT:
			rc = sqlite3_bind_text(s->p, i, s->arena + v->u.at, (int)v->len, NULL);
			break;
		case WEFT_BLOB:
			rc = sqlite3_bind_blob(s->p, i, s->arena + v->u.at, (int)v->len, NULL);
			break;
		default:
			rc = sqlite3_bind_null(s->p, i);
		}
	}
	return rc;
}

// put appends the row that the statement stands on.
static int put(weft_stmt *s, size_t *at) {
	size_t head = 8 + sizeof(weft_cell) * (size_t)s->cols;
	size_t need = *at + head;
	weft_cell *v;
	if (grow(s, need) != SQLITE_OK) return SQLITE_NOMEM;
	v = (weft_cell *)(s->buf + *at + 8);
	for (int i = 0; i < s->cols; i++, v++) {
		v->len = 0;
		switch (sqlite3_column_type(s->p, i)) {
		case SQLITE_INTEGER:
			v->kind = WEFT_INT;
			v->u.i = sqlite3_column_int64(s->p, i);
			break;
		case SQLITE_FLOAT:
			v->kind = WEFT_FLOAT;
			v->u.f = sqlite3_column_double(s->p, i);
			break;
		case SQLITE_TEXT:
		case SQLITE_BLOB: {
			// As a blob a text is not asked to end in a zero byte.
			const void *p = sqlite3_column_blob(s->p, i);
			v->kind = sqlite3_column_type(s->p, i) == SQLITE_TEXT ? WEFT_TEXT : WEFT_BLOB;
			v->len = (uint32_t)sqlite3_column_bytes(s->p, i);
			if (p == NULL && v->len > 0) return SQLITE_NOMEM;
			if (need + v->len > s->size) {
				if (grow(s, need + v->len) != SQLITE_OK) return SQLITE_NOMEM;
				v = (weft_cell *)(s->buf + *at + 8) + i;
			}
			v->u.at = need - *at;
			if (v->len > 0) memcpy(s->buf + need, p, v->len);
			need += v->len;
			break;
		}
		default:
			v->kind = WEFT_NULL;
		}
	}
	need = (need + 7) & ~(size_t)7;
	if (grow(s, need) != SQLITE_OK) return SQLITE_NOMEM;
	*(uint64_t *)(s->buf + *at) = need - *at;
	*at = need;
	return SQLITE_OK;
}

static void finish(weft_stmt *s, int rc) {
	weft_conn *c = s->c;
	if (rc != SQLITE_DONE) rc = weft_fail(c, rc);
	sqlite3_reset(s->p);
	weft_state(c);
	s->rc = rc;
}

// weft_batch reads rows, at the first call after binding. When it meets the end
// or an error the statement is reset; the rows before are in buf all the same.
void weft_batch(weft_stmt *s, int first, int rows, size_t bytes) {
	size_t at = 0;
	int rc = SQLITE_OK;
	s->rows = 0;
	if (first) {
		rc = bind(s);
		if (rc != SQLITE_OK) {
			finish(s, rc);
			return;
		}
	}
	for (;;) {
		rc = sqlite3_step(s->p);
		if (rc != SQLITE_ROW) {
			finish(s, rc);
			return;
		}
		if (first) {
			s->cols = sqlite3_column_count(s->p); // it may have been prepared again
			first = 0;
		}
		if (put(s, &at) != SQLITE_OK) {
			finish(s, SQLITE_NOMEM);
			return;
		}
		if (++s->rows >= rows || at >= bytes) break;
	}
	s->rc = SQLITE_ROW;
	weft_state(s->c);
}

// weft_exec runs the statement to its end.
void weft_exec(weft_stmt *s) {
	int rc = bind(s);
	if (rc == SQLITE_OK) {
		do {
			rc = sqlite3_step(s->p);
		} while (rc == SQLITE_ROW);
	}
	finish(s, rc);
}

// weft_reset ends the statement; of its memory it keeps what is not more than
// keep.
void weft_reset(weft_stmt *s, size_t keep) {
	if (s->p != NULL) sqlite3_reset(s->p);
	if (s->room > keep) {
		sqlite3_clear_bindings(s->p);
		free(s->arena);
		s->arena = NULL;
		s->room = 0;
	}
	if (s->size > keep) {
		free(s->buf);
		s->buf = NULL;
		s->size = 0;
	}
	weft_state(s->c);
}

void weft_finalize(weft_stmt *s) {
	sqlite3_finalize(s->p);
	free(s->arena);
	free(s->buf);
	free(s);
}
