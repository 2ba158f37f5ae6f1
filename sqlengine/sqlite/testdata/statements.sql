-- find all fields
SELECT t0."id", t0."name", t0."email", t0."age", t0."balance", t0."active", t0."born", t0."profile", t0."tags", t0."avatar", t0."version", t0."manager_id" FROM "people" AS t0
-- args []
-- index [] scan [people] notes []

-- find by key
SELECT t0."id" FROM "people" AS t0 WHERE t0."id" = ?
-- args [1]
-- index [people (rowid)] scan [] notes []

-- find with using
SELECT t0."id" FROM "people" AS t0 WHERE t0."active" = ? AND t0."age" > ?
-- args [1 3]
-- index [people_age_idx] scan [] notes []

-- equal nil
SELECT t0."id" FROM "people" AS t0 WHERE t0."email" IS NULL
-- args []
-- index [people_email_key] scan [] notes []

-- not equal
SELECT t0."id" FROM "people" AS t0 WHERE t0."email" IS DISTINCT FROM ?
-- args [x]
-- index [people_email_key] scan [people] notes []

-- less
SELECT t0."id" FROM "people" AS t0 WHERE t0."balance" < ?
-- args [101]
-- index [] scan [people] notes []

-- between
SELECT t0."id" FROM "people" AS t0 WHERE t0."age" BETWEEN ? AND ?
-- args [1 9]
-- index [people_age_idx] scan [] notes []

-- in, padded
SELECT t0."id" FROM "people" AS t0 WHERE t0."age" IN (?, ?, ?, ?)
-- args [1 2 3 3]
-- index [people_age_idx] scan [] notes []

-- in, with nil
SELECT t0."id" FROM "people" AS t0 WHERE (t0."age" IN (?) OR t0."age" IS NULL)
-- args [1]
-- index [people_age_idx] scan [] notes []

-- in nothing
SELECT t0."id" FROM "people" AS t0 WHERE FALSE
-- args []
-- index [people_manager_id_idx] scan [people] notes []

-- in many
SELECT t0."id" FROM "people" AS t0 WHERE t0."age" IN (SELECT value FROM json_each(?))
-- args [[0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31,32,33,34,35,36,37,38,39,40,41,42,43,44,45,46,47,48,49,50,51,52,53,54,55,56,57,58,59,60,61,62,63,64,65,66,67,68,69,70,71,72,73,74,75,76,77,78,79,80,81,82,83,84,85,86,87,88,89,90,91,92,93,94,95,96,97,98,99,100,101,102,103,104,105,106,107,108,109,110,111,112,113,114,115,116,117,118,119,120,121,122,123,124,125,126,127,128,129,130,131,132,133,134,135,136,137,138,139,140,141,142,143,144,145,146,147,148,149,150,151,152,153,154,155,156,157,158,159,160,161,162,163,164,165,166,167,168,169,170,171,172,173,174,175,176,177,178,179,180,181,182,183,184,185,186,187,188,189,190,191,192,193,194,195,196,197,198,199]]
-- index [people_age_idx] scan [] notes []

-- not in
SELECT t0."id" FROM "people" AS t0 WHERE (t0."age" NOT IN (?) OR t0."age" IS NULL)
-- args [1]
-- index [people_age_idx] scan [people] notes []

-- like
SELECT t0."id" FROM "people" AS t0 WHERE instr(weft_fold(t0."name"), ?) > 0
-- args [än]
-- index [] scan [people] notes []

-- starts with
SELECT t0."id" FROM "people" AS t0 WHERE (t0."name" >= ? AND t0."name" < ?)
-- args [An Ao]
-- index [] scan [people] notes []

-- ends with
SELECT t0."id" FROM "people" AS t0 WHERE substr(t0."name", -length(?)) = ?
-- args [n n]
-- index [] scan [people] notes []

-- contains
SELECT t0."id" FROM "people" AS t0 WHERE ((json_type(t0."tags", '$') = 'array' AND EXISTS (SELECT 1 FROM json_each(t0."tags", '$') AS t1 WHERE t1.type = 'text' AND t1.value = ?)))
-- args [x]
-- index [] scan [people] notes []

-- contains a number
SELECT t0."id" FROM "people" AS t0 WHERE ((json_type(t0."tags", '$') = 'array' AND EXISTS (SELECT 1 FROM json_each(t0."tags", '$') AS t1 WHERE t1.type IN ('integer', 'real') AND weft_key(t0."tags" -> t1.fullkey) = ?)))
-- args [[3 129 128 0 0 1 49]]
-- index [] scan [people] notes []

-- or, not
SELECT t0."id" FROM "people" AS t0 WHERE (t0."name" = ? OR ((t0."age" < ? AND t0."active" = ?)) IS NOT TRUE)
-- args [a 9 1]
-- index [] scan [people] notes []

-- path, text
SELECT t0."id" FROM "people" AS t0 WHERE (json_type(t0."profile", '$."city"') = 'text' AND json_extract(t0."profile", '$."city"') = ?)
-- args [Oslo]
-- index [] scan [people] notes []

-- path, number
SELECT t0."id" FROM "people" AS t0 WHERE (json_type(t0."profile", '$."a"."b c"') IN ('integer', 'real') AND weft_key(t0."profile" -> '$."a"."b c"') >= ?)
-- args [[3 129 128 0 0 1 51]]
-- index [] scan [people] notes []

-- path, nil
SELECT t0."id" FROM "people" AS t0 WHERE coalesce(json_type(t0."profile", '$."city"'), 'null') = 'null'
-- args []
-- index [] scan [people] notes []

-- path, digits
SELECT t0."id" FROM "people" AS t0 WHERE (coalesce(json_type(t0."profile", '$."list"[0]'), json_type(t0."profile", '$."list"."0"')) = 'text' AND coalesce(json_extract(t0."profile", '$."list"[0]'), json_extract(t0."profile", '$."list"."0"')) = ?)
-- args [x]
-- index [] scan [people] notes []

-- path, quotes
SELECT t0."id" FROM "people" AS t0 WHERE (json_type(t0."profile", '$."it''s \u0022q\u0022"') = 'text' AND json_extract(t0."profile", '$."it''s \u0022q\u0022"') = ?)
-- args [x]
-- index [] scan [people] notes []

-- has many
SELECT t0."id" FROM "people" AS t0 WHERE EXISTS (SELECT 1 FROM "people" AS t1 WHERE t1."manager_id" = t0."id" AND t1."name" = ?)
-- args [x]
-- index [people_manager_id_idx] scan [people] notes []

-- has many to many
SELECT t0."id" FROM "people" AS t0 WHERE EXISTS (SELECT 1 FROM "memberships" AS t1 JOIN "groups" AS t2 ON t2."id" = t1."group_id" WHERE t1."person_id" = t0."id" AND t2."title" = ?)
-- args [x]
-- index [people_manager_id_idx sqlite_autoindex_memberships_1 groups (rowid)] scan [people] notes []

-- has belongs to
SELECT t0."id" FROM "people" AS t0 WHERE EXISTS (SELECT 1 FROM "people" AS t1 WHERE t1."id" = t0."manager_id" AND EXISTS (SELECT 1 FROM "people" AS t2 WHERE t2."id" = t1."manager_id"))
-- args []
-- index [people_manager_id_idx people (rowid)] scan [people] notes []

-- search
SELECT t0."id" FROM "groups" AS t0 WHERE t0."id" IN (SELECT t2."k0" FROM "weft_search_groups_words" AS t1 CROSS JOIN "weft_search_groups_docs" AS t2 ON t2."doc" = t1.rowid WHERE t1."weft_search_groups_words" MATCH ?)
-- args ["red" AND "blue sho"*]
-- index [groups (rowid) weft_search_groups_words weft_search_groups_docs (rowid)] scan [] notes []

-- search in one field
SELECT count(*) FROM "groups" AS t0 WHERE ((t0."id" IN (SELECT t2."k0" FROM "weft_search_groups_words" AS t1 CROSS JOIN "weft_search_groups_docs" AS t2 ON t2."doc" = t1.rowid WHERE t1."weft_search_groups_words" MATCH ?)) IS NOT TRUE AND t0."id" > ?)
-- args [{"s_title" } : ("red") 1]
-- index [groups (rowid) weft_search_groups_words weft_search_groups_docs (rowid)] scan [] notes []

-- search for nothing
SELECT t0."id" FROM "groups" AS t0 WHERE FALSE
-- args []
-- index [] scan [groups] notes []

-- search through a relation
SELECT t0."id" FROM "people" AS t0 WHERE EXISTS (SELECT 1 FROM "memberships" AS t1 JOIN "groups" AS t2 ON t2."id" = t1."group_id" WHERE t1."person_id" = t0."id" AND t2."id" IN (SELECT t4."k0" FROM "weft_search_groups_words" AS t3 CROSS JOIN "weft_search_groups_docs" AS t4 ON t4."doc" = t3.rowid WHERE t3."weft_search_groups_words" MATCH ?))
-- args ["red"]
-- index [people_manager_id_idx sqlite_autoindex_memberships_1 weft_search_groups_words weft_search_groups_docs (rowid) groups (rowid)] scan [people] notes []

-- search, by rank
SELECT t0."id" FROM "groups" AS t0 WHERE (t0."id" IN (SELECT t2."k0" FROM "weft_search_groups_words" AS t1 CROSS JOIN "weft_search_groups_docs" AS t2 ON t2."doc" = t1.rowid WHERE t1."weft_search_groups_words" MATCH ?) AND (FALSE OR t0."title" = ?)) ORDER BY (weft_rank(?, t0."text") + weft_rank(?, t0."title", t0."text")) DESC, t0."id" LIMIT ?
-- args [{"s_text" } : ("red") x red - 3]
-- index [groups (rowid) weft_search_groups_words weft_search_groups_docs (rowid)] scan [] notes ["no index serves ORDER BY: the rows are sorted"]

-- search, by rank per parent
SELECT c0, c1 FROM (SELECT t0."id" AS c0, t1."person_id" AS c1, (weft_rank(?, t0."title", t0."text")) AS s0, row_number() OVER (PARTITION BY t1."person_id" ORDER BY (weft_rank(?, t0."title", t0."text")) DESC) AS n FROM "memberships" AS t1 JOIN "groups" AS t0 ON t0."id" = t1."group_id" WHERE t1."person_id" IN (?, ?) AND t0."id" IN (SELECT t3."k0" FROM "weft_search_groups_words" AS t2 CROSS JOIN "weft_search_groups_docs" AS t3 ON t3."doc" = t2.rowid WHERE t2."weft_search_groups_words" MATCH ?)) AS t4 WHERE n > ? AND n <= ? ORDER BY s0 DESC
-- args [red red 1 2 "red" 0 3]
-- index [sqlite_autoindex_memberships_1 weft_search_groups_words weft_search_groups_docs (rowid) groups (rowid)] scan [] notes ["no index serves LAST TERM OF ORDER BY: the rows are sorted" "no index serves ORDER BY: the rows are sorted"]

-- search, update
UPDATE "groups" AS t0 SET "title" = ? WHERE t0."id" IN (SELECT t2."k0" FROM "weft_search_groups_words" AS t1 CROSS JOIN "weft_search_groups_docs" AS t2 ON t2."doc" = t1.rowid WHERE t1."weft_search_groups_words" MATCH ?)
-- args [x "red"]
-- index [groups (rowid) weft_search_groups_words weft_search_groups_docs (rowid)] scan [] notes []

-- search, key of two
DELETE FROM "pairs" AS t0 WHERE (t0."a", t0."b") IN (SELECT t2."k0", t2."k1" FROM "weft_search_pairs_words" AS t1 CROSS JOIN "weft_search_pairs_docs" AS t2 ON t2."doc" = t1.rowid WHERE t1."weft_search_pairs_words" MATCH ?)
-- args ["red"]
-- index [sqlite_autoindex_pairs_1 weft_search_pairs_words weft_search_pairs_docs (rowid)] scan [] notes []

-- has count
SELECT t0."id" FROM "people" AS t0 WHERE (SELECT count(*) FROM "memberships" AS t1 JOIN "groups" AS t2 ON t2."id" = t1."group_id" WHERE t1."person_id" = t0."id") >= ?
-- args [2]
-- index [people_manager_id_idx sqlite_autoindex_memberships_1 groups (rowid)] scan [people] notes []

-- order
SELECT t0."id" FROM "people" AS t0 ORDER BY t0."name", t0."id" DESC LIMIT ? OFFSET ?
-- args [3 2]
-- index [] scan [people] notes ["no index serves ORDER BY: the rows are sorted"]

-- order by path
SELECT t0."id" FROM "people" AS t0 ORDER BY weft_key(t0."profile" -> '$."city"')
-- args []
-- index [] scan [people] notes ["no index serves ORDER BY: the rows are sorted"]

-- after one key
SELECT t0."id" FROM "people" AS t0 WHERE (t0."id" > ?) ORDER BY t0."id"
-- args [5]
-- index [people (rowid)] scan [] notes []

-- after, one direction
SELECT t0."id" FROM "people" AS t0 WHERE (t0."name", t0."id") > (?, ?) ORDER BY t0."name", t0."id"
-- args [x 5]
-- index [] scan [people] notes ["no index serves ORDER BY: the rows are sorted"]

-- after, mixed and null
SELECT t0."id" FROM "people" AS t0 WHERE ((t0."age" < ? OR t0."age" IS NULL) OR (t0."age" = ? AND t0."id" > ?)) ORDER BY t0."age" DESC, t0."id"
-- args [3 3 5]
-- index [people_age_idx] scan [people] notes ["no index serves LAST TERM OF ORDER BY: the rows are sorted"]

-- before
SELECT t0."id" FROM "people" AS t0 WHERE (FALSE OR (t0."age" IS NULL AND t0."id" < ?)) ORDER BY t0."age", t0."id"
-- args [5]
-- index [people_age_idx] scan [people] notes []

-- distinct
SELECT DISTINCT t0."name" FROM "people" AS t0
-- args []
-- index [] scan [people] notes ["no index serves DISTINCT: the rows are sorted"]

-- via has many
SELECT t0."id", t0."manager_id" FROM "people" AS t0 WHERE t0."manager_id" IN (?, ?)
-- args [1 2]
-- index [people_manager_id_idx] scan [] notes []

-- via many to many
SELECT t0."id", t0."title", t0."text", t1."person_id" FROM "memberships" AS t1 JOIN "groups" AS t0 ON t0."id" = t1."group_id" WHERE t1."person_id" IN (?) AND t0."title" = ?
-- args [1 x]
-- index [sqlite_autoindex_memberships_1 groups (rowid)] scan [] notes []

-- via, limit per parent
SELECT c0, c1, c2, c3 FROM (SELECT t0."id" AS c0, t0."title" AS c1, t0."text" AS c2, t1."person_id" AS c3, t0."title" AS s0, row_number() OVER (PARTITION BY t1."person_id" ORDER BY t0."title") AS n FROM "memberships" AS t1 JOIN "groups" AS t0 ON t0."id" = t1."group_id" WHERE t1."person_id" IN (?)) AS t2 WHERE n > ? AND n <= ? ORDER BY s0
-- args [1 1 4]
-- index [sqlite_autoindex_memberships_1 groups (rowid)] scan [] notes ["no index serves LAST TERM OF ORDER BY: the rows are sorted" "no index serves ORDER BY: the rows are sorted"]

-- count
SELECT count(*) FROM "people" AS t0 WHERE t0."active" = ?
-- args [1]
-- index [] scan [people] notes []

-- aggregate
SELECT count(*) AS a0, weft_sum_wide(t0."balance") AS a1, max(t0."age") AS a2 FROM "people" AS t0
-- args []
-- index [] scan [people] notes []

-- group, having
SELECT a0, a1 FROM (SELECT t0."active" AS a0, count(DISTINCT t0."name") AS a1 FROM "people" AS t0 GROUP BY t0."active") AS t1 WHERE a1 > ? ORDER BY a1 DESC LIMIT ?
-- args [1 5]
-- index [] scan [people] notes ["no index serves GROUP BY: the rows are sorted" "no index serves count(DISTINCT): the rows are sorted" "no index serves ORDER BY: the rows are sorted"]

-- aggregate via has many
SELECT count(*) AS a0, t0."manager_id" AS a1 FROM "people" AS t0 WHERE t0."manager_id" IN (?, ?) AND t0."active" = ? GROUP BY t0."manager_id"
-- args [1 2 1]
-- index [people_manager_id_idx] scan [] notes []

-- aggregate via many to many, having
SELECT a0, a1, a2 FROM (SELECT t0."title" AS a0, count(*) AS a1, t1."person_id" AS a2 FROM "memberships" AS t1 JOIN "groups" AS t0 ON t0."id" = t1."group_id" WHERE t1."person_id" IN (?) GROUP BY t0."title", t1."person_id") AS t2 WHERE a1 > ? ORDER BY a1 DESC
-- args [1 1]
-- index [sqlite_autoindex_memberships_1 groups (rowid)] scan [] notes ["no index serves GROUP BY: the rows are sorted" "no index serves ORDER BY: the rows are sorted"]

-- insert
INSERT INTO "people" ("name", "email", "age", "balance", "active", "born", "profile", "tags", "avatar", "version", "manager_id") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
-- args [Ann <nil> 1 1230 1 <nil> {} [] [1] 1 <nil>]
-- index [] scan [] notes []

-- update
UPDATE "people" AS t0 SET "name" = ?, "version" = coalesce(t0."version", 0) + 1 WHERE t0."id" = ?
-- args [x 1]
-- index [people (rowid)] scan [] notes []

-- update, version checked
UPDATE "people" AS t0 SET "name" = ?, "version" = coalesce(t0."version", 0) + 1 WHERE t0."id" = ? AND t0."version" = ?
-- args [x 1 3]
-- index [people (rowid)] scan [] notes []

-- update a place in json
UPDATE "people" AS t0 SET "profile" = weft_json_set(weft_json_set(t0."profile", ?, ?), ?, ?), "version" = coalesce(t0."version", 0) + 1
-- args [["city"] "Oslo" ["zip"] 1]
-- index [] scan [people] notes []

-- increment, returning
UPDATE "people" AS t0 SET "age" = weft_add(coalesce(t0."age", 0), ?, -9223372036854775808, 9223372036854775807), "balance" = weft_add(coalesce(t0."balance", 0), ?, -9999999999, 9999999999), "version" = coalesce(t0."version", 0) + 1 WHERE t0."id" = ?
-- args [1 50 1]
-- index [people (rowid)] scan [] notes []

-- upsert, leave
INSERT INTO "people" AS t0 ("name", "email", "age", "balance", "active", "born", "profile", "tags", "avatar", "version", "manager_id") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT ("email") DO NOTHING
-- args [Ann <nil> 1 1230 1 <nil> {} [] [1] 1 <nil>]
-- index [] scan [] notes []

-- upsert, change
INSERT INTO "people" AS t0 ("name", "email", "age", "balance", "active", "born", "profile", "tags", "avatar", "version", "manager_id") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT ("email") DO UPDATE SET "name" = excluded."name", "age" = weft_add(coalesce(t0."age", 0), ?, -9223372036854775808, 9223372036854775807), "version" = coalesce(t0."version", 0) + 1
-- args [Ann <nil> 1 1230 1 <nil> {} [] [1] 1 <nil> 1]
-- index [] scan [] notes []

-- delete
DELETE FROM "people" AS t0 WHERE t0."id" = ?
-- args [1]
-- index [people (rowid)] scan [] notes []

-- soft delete, upsert, leave
INSERT INTO "docs" AS t0 ("id", "slug", "gone") VALUES (?, ?, ?) ON CONFLICT ("slug") WHERE "gone" IS NULL DO NOTHING
-- args [1 x <nil>]
-- index [] scan [] notes []

-- soft delete, upsert, change
INSERT INTO "docs" AS t0 ("id", "slug", "gone") VALUES (?, ?, ?) ON CONFLICT ("id") WHERE "gone" IS NULL DO UPDATE SET "slug" = excluded."slug" WHERE t0."gone" IS NULL
-- args [1 x <nil>]
-- index [] scan [] notes []

-- soft delete, by unique
SELECT t0."id", t0."slug", t0."gone" FROM "docs" AS t0 WHERE t0."gone" IS NULL AND t0."slug" = ?
-- args [x]
-- index [docs_slug_key] scan [] notes []

-- soft delete, joined
SELECT t0."id" FROM "docs" AS t0 WHERE (SELECT count(*) FROM "docs" AS t2 WHERE (t2."id") IN (SELECT t1."label_id" FROM "labellings" AS t1 WHERE t1."doc_id" = t0."id" AND t1."gone" IS NULL) AND t2."gone" IS NULL) = ?
-- args [1]
-- index [docs (rowid) labellings_doc_id_idx] scan [docs] notes []

-- soft delete, via
SELECT c0, c1 FROM (SELECT t0."id" AS c0, t1."doc_id" AS c1, t0."slug" AS s0, row_number() OVER (PARTITION BY t1."doc_id" ORDER BY t0."slug") AS n FROM (SELECT DISTINCT t2."doc_id", t2."label_id" FROM "labellings" AS t2 WHERE t2."doc_id" IN (?, ?) AND t2."gone" IS NULL) AS t1 JOIN "docs" AS t0 ON t0."id" = t1."label_id" WHERE TRUE AND t0."gone" IS NULL) AS t3 WHERE n > ? AND n <= ? ORDER BY s0
-- args [1 2 0 2]
-- index [labellings_doc_id_idx docs (rowid)] scan [] notes ["no index serves DISTINCT: the rows are sorted" "no index serves ORDER BY: the rows are sorted"]

