-- find all fields
SELECT t0."id", t0."name", t0."email", t0."age", t0."balance", t0."active", t0."born", (t0."profile"::text), (t0."tags"::text), t0."avatar", t0."version", t0."manager_id" FROM "people" AS t0
-- args []
-- notes []

-- find by key
SELECT t0."id" FROM "people" AS t0 WHERE t0."id" = $1
-- args [1]
-- notes []

-- find with using
SELECT t0."id" FROM "people" AS t0 WHERE t0."active" = $1 AND t0."age" > $2
-- args [1 3]
-- notes []

-- equal nil
SELECT t0."id" FROM "people" AS t0 WHERE t0."email" IS NULL
-- args []
-- notes []

-- not equal
SELECT t0."id" FROM "people" AS t0 WHERE t0."email" IS DISTINCT FROM $1
-- args [x]
-- notes []

-- less
SELECT t0."id" FROM "people" AS t0 WHERE t0."balance" < $1
-- args [1.005]
-- notes []

-- between
SELECT t0."id" FROM "people" AS t0 WHERE t0."age" BETWEEN $1 AND $2
-- args [1 9]
-- notes []

-- in, padded
SELECT t0."id" FROM "people" AS t0 WHERE t0."age" = ANY($1)
-- args [{1,2,3}]
-- notes []

-- in, with nil
SELECT t0."id" FROM "people" AS t0 WHERE (t0."age" IN ($1) OR t0."age" IS NULL)
-- args [1]
-- notes []

-- in nothing
SELECT t0."id" FROM "people" AS t0 WHERE FALSE
-- args []
-- notes []

-- in many
SELECT t0."id" FROM "people" AS t0 WHERE t0."age" = ANY($1)
-- args [{0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31,32,33,34,35,36,37,38,39,40,41,42,43,44,45,46,47,48,49,50,51,52,53,54,55,56,57,58,59,60,61,62,63,64,65,66,67,68,69,70,71,72,73,74,75,76,77,78,79,80,81,82,83,84,85,86,87,88,89,90,91,92,93,94,95,96,97,98,99,100,101,102,103,104,105,106,107,108,109,110,111,112,113,114,115,116,117,118,119,120,121,122,123,124,125,126,127,128,129,130,131,132,133,134,135,136,137,138,139,140,141,142,143,144,145,146,147,148,149,150,151,152,153,154,155,156,157,158,159,160,161,162,163,164,165,166,167,168,169,170,171,172,173,174,175,176,177,178,179,180,181,182,183,184,185,186,187,188,189,190,191,192,193,194,195,196,197,198,199}]
-- notes []

-- not in
SELECT t0."id" FROM "people" AS t0 WHERE (t0."age" NOT IN ($1) OR t0."age" IS NULL)
-- args [1]
-- notes []

-- like
SELECT t0."id" FROM "people" AS t0 WHERE strpos(lower(translate(t0."name", 'İΣ', 'iσ') COLLATE "und-x-icu"), $1) > 0
-- args [än]
-- notes []

-- starts with
SELECT t0."id" FROM "people" AS t0 WHERE (t0."name" >= $1 AND t0."name" < $2)
-- args [An Ao]
-- notes []

-- ends with
SELECT t0."id" FROM "people" AS t0 WHERE right(t0."name", $1) = $2
-- args [1 n]
-- notes []

-- contains
SELECT t0."id" FROM "people" AS t0 WHERE EXISTS (SELECT 1 FROM json_array_elements(CASE WHEN json_typeof(t0."tags") = 'array' THEN t0."tags" END) AS t1(v) WHERE (json_typeof(t1.v) = 'string' AND (t1.v #>> '{}') COLLATE "C" = $1))
-- args [x]
-- notes []

-- contains a number
SELECT t0."id" FROM "people" AS t0 WHERE EXISTS (SELECT 1 FROM json_array_elements(CASE WHEN json_typeof(t0."tags") = 'array' THEN t0."tags" END) AS t1(v) WHERE CASE WHEN json_typeof(t1.v) = 'number' THEN CAST((t1.v #>> '{}') AS numeric) END = CAST($1 AS numeric))
-- args [1]
-- notes []

-- or, not
SELECT t0."id" FROM "people" AS t0 WHERE (t0."name" = $1 OR ((t0."age" < $2 AND t0."active" = $3)) IS NOT TRUE)
-- args [a 9 1]
-- notes []

-- path, text
SELECT t0."id" FROM "people" AS t0 WHERE (json_typeof((t0."profile" #> '{"city"}')) = 'string' AND (t0."profile" #>> '{"city"}') COLLATE "C" = $1)
-- args [Oslo]
-- notes []

-- path, number
SELECT t0."id" FROM "people" AS t0 WHERE CASE WHEN json_typeof((t0."profile" #> '{"a","b c"}')) = 'number' THEN CAST((t0."profile" #>> '{"a","b c"}') AS numeric) END >= CAST($1 AS numeric)
-- args [3]
-- notes []

-- path, nil
SELECT t0."id" FROM "people" AS t0 WHERE coalesce(json_typeof((t0."profile" #> '{"city"}')), 'null') = 'null'
-- args []
-- notes []

-- path, digits
SELECT t0."id" FROM "people" AS t0 WHERE (json_typeof((t0."profile" #> '{"list","0"}')) = 'string' AND (t0."profile" #>> '{"list","0"}') COLLATE "C" = $1)
-- args [x]
-- notes []

-- path, quotes
SELECT t0."id" FROM "people" AS t0 WHERE (json_typeof((t0."profile" #>  E'{"it''s \\"q\\""}')) = 'string' AND (t0."profile" #>>  E'{"it''s \\"q\\""}') COLLATE "C" = $1)
-- args [x]
-- notes []

-- has many
SELECT t0."id" FROM "people" AS t0 WHERE EXISTS (SELECT 1 FROM "people" AS t1 WHERE t1."manager_id" = t0."id" AND t1."name" = $1)
-- args [x]
-- notes []

-- has many to many
SELECT t0."id" FROM "people" AS t0 WHERE EXISTS (SELECT 1 FROM "memberships" AS t1 JOIN "groups" AS t2 ON t2."id" = t1."group_id" WHERE t1."person_id" = t0."id" AND t2."title" = $1)
-- args [x]
-- notes []

-- has belongs to
SELECT t0."id" FROM "people" AS t0 WHERE EXISTS (SELECT 1 FROM "people" AS t1 WHERE t1."id" = t0."manager_id" AND EXISTS (SELECT 1 FROM "people" AS t2 WHERE t2."id" = t1."manager_id"))
-- args []
-- notes []

-- has count
SELECT t0."id" FROM "people" AS t0 WHERE (SELECT count(*) FROM "memberships" AS t1 JOIN "groups" AS t2 ON t2."id" = t1."group_id" WHERE t1."person_id" = t0."id") >= $1
-- args [2]
-- notes []

-- order
SELECT t0."id" FROM "people" AS t0 ORDER BY t0."name", t0."id" DESC LIMIT $1 OFFSET $2
-- args [3 2]
-- notes []

-- order by path
SELECT t0."id" FROM "people" AS t0 ORDER BY CASE WHEN coalesce(json_typeof((t0."profile" #> '{"city"}')), 'null') <> 'null' THEN ROW(CASE json_typeof((t0."profile" #> '{"city"}')) WHEN 'boolean' THEN CASE (t0."profile" #>> '{"city"}') WHEN 'false' THEN 1 ELSE 2 END WHEN 'number' THEN 3 WHEN 'string' THEN 4 ELSE 5 END, CASE json_typeof((t0."profile" #> '{"city"}')) WHEN 'number' THEN CAST((t0."profile" #>> '{"city"}') AS numeric) END, CASE WHEN json_typeof((t0."profile" #> '{"city"}')) IN ('string', 'array', 'object') THEN (t0."profile" #>> '{"city"}') END COLLATE "C") END NULLS FIRST
-- args []
-- notes []

-- after one key
SELECT t0."id" FROM "people" AS t0 WHERE (t0."id" > $1) ORDER BY t0."id"
-- args [5]
-- notes []

-- after, one direction
SELECT t0."id" FROM "people" AS t0 WHERE (t0."name", t0."id") > ($1, $2) ORDER BY t0."name", t0."id"
-- args [x 5]
-- notes []

-- after, mixed and null
SELECT t0."id" FROM "people" AS t0 WHERE ((t0."age" < $1 OR t0."age" IS NULL) OR (t0."age" = $2 AND t0."id" > $3)) ORDER BY t0."age" DESC NULLS LAST, t0."id"
-- args [3 3 5]
-- notes []

-- before
SELECT t0."id" FROM "people" AS t0 WHERE (FALSE OR (t0."age" IS NULL AND t0."id" < $1)) ORDER BY t0."age" NULLS FIRST, t0."id"
-- args [5]
-- notes []

-- distinct
SELECT DISTINCT t0."name" FROM "people" AS t0
-- args []
-- notes []

-- via has many
SELECT t0."id", t0."manager_id" FROM "people" AS t0 WHERE t0."manager_id" = ANY($1)
-- args [{1,2}]
-- notes []

-- via many to many
SELECT t0."id", t0."title", t0."text", t1."person_id" FROM "memberships" AS t1 JOIN "groups" AS t0 ON t0."id" = t1."group_id" WHERE t1."person_id" IN ($1) AND t0."title" = $2
-- args [1 x]
-- notes []

-- via, limit per parent
SELECT c0, c1, c2, c3 FROM (SELECT t0."id" AS c0, t0."title" AS c1, t0."text" AS c2, t1."person_id" AS c3, t0."title" AS s0, row_number() OVER (PARTITION BY t1."person_id" ORDER BY t0."title") AS n FROM "memberships" AS t1 JOIN "groups" AS t0 ON t0."id" = t1."group_id" WHERE t1."person_id" IN ($1)) AS t2 WHERE n > $2 AND n <= $3 ORDER BY s0
-- args [1 1 4]
-- notes []

-- count
SELECT count(*) FROM "people" AS t0 WHERE t0."active" = $1
-- args [1]
-- notes []

-- aggregate
SELECT count(*) AS a0, sum(t0."balance") AS a1, max(t0."age") AS a2 FROM "people" AS t0
-- args []
-- notes []

-- group, having
SELECT a0, a1 FROM (SELECT t0."active" AS a0, count(DISTINCT t0."name") AS a1 FROM "people" AS t0 GROUP BY t0."active") AS t1 WHERE a1 > $1 ORDER BY a1 DESC NULLS LAST LIMIT $2
-- args [1 5]
-- notes []

-- aggregate via has many
SELECT count(*) AS a0, t0."manager_id" AS a1 FROM "people" AS t0 WHERE t0."manager_id" = ANY($1) AND t0."active" = $2 GROUP BY t0."manager_id"
-- args [{1,2} 1]
-- notes []

-- aggregate via many to many, having
SELECT a0, a1, a2 FROM (SELECT t0."title" AS a0, count(*) AS a1, t1."person_id" AS a2 FROM "memberships" AS t1 JOIN "groups" AS t0 ON t0."id" = t1."group_id" WHERE t1."person_id" IN ($1) GROUP BY t0."title", t1."person_id") AS t2 WHERE a1 > $2 ORDER BY a1 DESC NULLS LAST
-- args [1 1]
-- notes []

-- insert
INSERT INTO "people" ("name", "email", "age", "balance", "active", "born", "profile", "tags", "avatar", "version", "manager_id") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
-- args [Ann <nil> 1 12.3 1 <nil> {} [] [1] 1 <nil>]
-- notes []

-- update
UPDATE "people" AS t0 SET "name" = $1, "version" = coalesce(t0."version", 0) + 1 WHERE t0."id" = $2
-- args [x 1]
-- notes []

-- update, version checked
UPDATE "people" AS t0 SET "name" = $1, "version" = coalesce(t0."version", 0) + 1 WHERE t0."id" = $2 AND t0."version" = $3
-- args [x 1 3]
-- notes []

-- update a place in json
SELECT t0."id", t0."name", t0."email", t0."age", t0."balance", t0."active", t0."born", (t0."profile"::text), (t0."tags"::text), t0."avatar", t0."version", t0."manager_id" FROM "people" AS t0 FOR UPDATE OF t0
-- args []
-- notes ["the documents of these rows are read, changed and written, in one transaction"]

-- increment, returning
UPDATE "people" AS t0 SET "age" = coalesce(t0."age", 0) + CAST($1 AS bigint), "balance" = coalesce(t0."balance", 0) + CAST($2 AS numeric), "version" = coalesce(t0."version", 0) + 1 WHERE t0."id" = $3
-- args [1 0.5 1]
-- notes []

-- upsert, leave
INSERT INTO "people" AS t0 ("name", "email", "age", "balance", "active", "born", "profile", "tags", "avatar", "version", "manager_id") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT ("email") DO NOTHING
-- args [Ann <nil> 1 12.3 1 <nil> {} [] [1] 1 <nil>]
-- notes []

-- upsert, change
INSERT INTO "people" AS t0 ("name", "email", "age", "balance", "active", "born", "profile", "tags", "avatar", "version", "manager_id") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT ("email") DO UPDATE SET "name" = excluded."name", "age" = coalesce(t0."age", 0) + CAST($12 AS bigint), "version" = coalesce(t0."version", 0) + 1
-- args [Ann <nil> 1 12.3 1 <nil> {} [] [1] 1 <nil> 1]
-- notes []

-- delete
DELETE FROM "people" AS t0 WHERE t0."id" = $1
-- args [1]
-- notes []

-- soft delete, upsert, leave
INSERT INTO "docs" AS t0 ("id", "slug", "gone") VALUES ($1, $2, $3) ON CONFLICT ("slug") WHERE "gone" IS NULL DO NOTHING
-- args [1 x <nil>]
-- notes []

-- soft delete, upsert, change
INSERT INTO "docs" AS t0 ("id", "slug", "gone") VALUES ($1, $2, $3) ON CONFLICT ("id") WHERE "gone" IS NULL DO UPDATE SET "slug" = excluded."slug" WHERE t0."gone" IS NULL
-- args [1 x <nil>]
-- notes []

-- soft delete, by unique
SELECT t0."id", t0."slug", t0."gone" FROM "docs" AS t0 WHERE t0."gone" IS NULL AND t0."slug" = $1
-- args [x]
-- notes []

-- soft delete, joined
SELECT t0."id" FROM "docs" AS t0 WHERE (SELECT count(*) FROM "docs" AS t2 WHERE (t2."id") IN (SELECT t1."label_id" FROM "labellings" AS t1 WHERE t1."doc_id" = t0."id" AND t1."gone" IS NULL) AND t2."gone" IS NULL) = $1
-- args [1]
-- notes []

-- soft delete, via
SELECT c0, c1 FROM (SELECT t0."id" AS c0, t1."doc_id" AS c1, t0."slug" AS s0, row_number() OVER (PARTITION BY t1."doc_id" ORDER BY t0."slug") AS n FROM (SELECT DISTINCT t2."doc_id", t2."label_id" FROM "labellings" AS t2 WHERE t2."doc_id" = ANY($1) AND t2."gone" IS NULL) AS t1 JOIN "docs" AS t0 ON t0."id" = t1."label_id" WHERE TRUE AND t0."gone" IS NULL) AS t3 WHERE n > $2 AND n <= $3 ORDER BY s0
-- args [{1,2} 0 2]
-- notes []

