-- find all fields
SELECT t0.`id`, t0.`name`, t0.`email`, t0.`age`, t0.`balance`, t0.`active`, t0.`born`, t0.`wakes`, t0.`profile`, t0.`tags`, t0.`avatar`, t0.`version`, t0.`manager_id` FROM `people` AS t0
-- args []

-- find by key
SELECT t0.`id` FROM `people` AS t0 WHERE t0.`id` = ?
-- args [1]

-- find with using
SELECT t0.`id` FROM `people` AS t0 WHERE t0.`active` = ? AND t0.`age` > ?
-- args [1 3]

-- equal nil
SELECT t0.`id` FROM `people` AS t0 WHERE t0.`email` IS NULL
-- args []

-- not equal
SELECT t0.`id` FROM `people` AS t0 WHERE NOT (t0.`email` <=> ?)
-- args [x]

-- less
SELECT t0.`id` FROM `people` AS t0 WHERE t0.`balance` < CAST(? AS DECIMAL(65,2))
-- args [1.01]

-- between
SELECT t0.`id` FROM `people` AS t0 WHERE t0.`age` BETWEEN ? AND ?
-- args [1 9]

-- in, padded
SELECT t0.`id` FROM `people` AS t0 WHERE t0.`age` IN (?, ?, ?, ?)
-- args [1 2 3 3]

-- in, with nil
SELECT t0.`id` FROM `people` AS t0 WHERE (t0.`age` IN (?) OR t0.`age` IS NULL)
-- args [1]

-- in nothing
SELECT t0.`id` FROM `people` AS t0 WHERE FALSE
-- args []

-- in many
SELECT t0.`id` FROM `people` AS t0 WHERE t0.`age` IN (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- not in
SELECT t0.`id` FROM `people` AS t0 WHERE (t0.`age` NOT IN (?) OR t0.`age` IS NULL)
-- args [1]

-- like
SELECT t0.`id` FROM `people` AS t0 WHERE LOCATE(?, (LOWER(CONVERT(t0.`name` USING utf8mb4) COLLATE (fold)) COLLATE (bytes))) > 0
-- args [än]

-- starts with
SELECT t0.`id` FROM `people` AS t0 WHERE (t0.`name` >= ? AND t0.`name` < ?)
-- args [An Ao]

-- ends with
SELECT t0.`id` FROM `people` AS t0 WHERE RIGHT(CONVERT(t0.`name` USING utf8mb4), CHAR_LENGTH(?)) COLLATE (bytes) = ?
-- args [n n]

-- contains
SELECT t0.`id` FROM `people` AS t0 WHERE EXISTS (SELECT 1 FROM JSON_TABLE(IF(JSON_TYPE(t0.`tags`) = 'ARRAY', t0.`tags`, NULL), '$[*]' COLUMNS (v JSON PATH '$', s LONGTEXT CHARACTER SET utf8mb4 COLLATE (bytes) PATH '$')) AS t1 WHERE CASE JSON_TYPE(t1.v) WHEN 'NULL' THEN NULL WHEN 'BOOLEAN' THEN IF((t1.v COLLATE (bytes)) = 'true', '2', '1') WHEN 'STRING' THEN CONCAT('4', t1.s) WHEN 'ARRAY' THEN CONCAT('5', (t1.v COLLATE (bytes))) WHEN 'OBJECT' THEN CONCAT('5', (t1.v COLLATE (bytes))) ELSE CONCAT('3', CASE WHEN TRIM(LEADING '0' FROM REPLACE(SUBSTRING_INDEX(TRIM(LEADING '-' FROM LOWER((t1.v COLLATE (bytes)))), 'e', 1), '.', '')) = '' THEN '5' WHEN LEFT((t1.v COLLATE (bytes)), 1) = '-' THEN CONCAT('4', LPAD(1000000000 - (IF(LOCATE('e', TRIM(LEADING '-' FROM LOWER((t1.v COLLATE (bytes))))) > 0, CAST(SUBSTRING_INDEX(TRIM(LEADING '-' FROM LOWER((t1.v COLLATE (bytes)))), 'e', -1) AS SIGNED), 0) + LENGTH(SUBSTRING_INDEX(SUBSTRING_INDEX(TRIM(LEADING '-' FROM LOWER((t1.v COLLATE (bytes)))), 'e', 1), '.', 1)) - LENGTH(REPLACE(SUBSTRING_INDEX(TRIM(LEADING '-' FROM LOWER((t1.v COLLATE (bytes)))), 'e', 1), '.', '')) + LENGTH(TRIM(LEADING '0' FROM REPLACE(SUBSTRING_INDEX(TRIM(LEADING '-' FROM LOWER((t1.v COLLATE (bytes)))), 'e', 1), '.', '')))), 10, '0'), REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(TRIM(TRAILING '0' FROM TRIM(LEADING '0' FROM REPLACE(SUBSTRING_INDEX(TRIM(LEADING '-' FROM LOWER((t1.v COLLATE (bytes)))), 'e', 1), '.', ''))), '0', 'j'), '1', 'i'), '2', 'h'), '3', 'g'), '4', 'f'), '5', 'e'), '6', 'd'), '7', 'c'), '8', 'b'), '9', 'a'), '~') ELSE CONCAT('6', LPAD(1000000000 + (IF(LOCATE('e', TRIM(LEADING '-' FROM LOWER((t1.v COLLATE (bytes))))) > 0, CAST(SUBSTRING_INDEX(TRIM(LEADING '-' FROM LOWER((t1.v COLLATE (bytes)))), 'e', -1) AS SIGNED), 0) + LENGTH(SUBSTRING_INDEX(SUBSTRING_INDEX(TRIM(LEADING '-' FROM LOWER((t1.v COLLATE (bytes)))), 'e', 1), '.', 1)) - LENGTH(REPLACE(SUBSTRING_INDEX(TRIM(LEADING '-' FROM LOWER((t1.v COLLATE (bytes)))), 'e', 1), '.', '')) + LENGTH(TRIM(LEADING '0' FROM REPLACE(SUBSTRING_INDEX(TRIM(LEADING '-' FROM LOWER((t1.v COLLATE (bytes)))), 'e', 1), '.', '')))), 10, '0'), TRIM(TRAILING '0' FROM TRIM(LEADING '0' FROM REPLACE(SUBSTRING_INDEX(TRIM(LEADING '-' FROM LOWER((t1.v COLLATE (bytes)))), 'e', 1), '.', '')))) END) END = ?)
-- args [4x]

-- contains a number
SELECT t0.`id` FROM `people` AS t0 WHERE EXISTS (SELECT 1 FROM JSON_TABLE(IF(JSON_TYPE(t0.`tags`) = 'ARRAY', t0.`tags`, NULL), '$[*]' COLUMNS (v JSON PATH '$', s LONGTEXT CHARACTER SET utf8mb4 COLLATE (bytes) PATH '$')) AS t1 WHERE CASE JSON_TYPE(t1.v) WHEN 'NULL' THEN NULL WHEN 'BOOLEAN' THEN IF((t1.v COLLATE (bytes)) = 'true', '2', '1') WHEN 'STRING' THEN CONCAT('4', t1.s) WHEN 'ARRAY' THEN CONCAT('5', (t1.v COLLATE (bytes))) WHEN 'OBJECT' THEN CONCAT('5', (t1.v COLLATE (bytes))) ELSE CONCAT('3', CASE WHEN TRIM(LEADING '0' FROM REPLACE(SUBSTRING_INDEX(TRIM(LEADING '-' FROM LOWER((t1.v COLLATE (bytes)))), 'e', 1), '.', '')) = '' THEN '5' WHEN LEFT((t1.v COLLATE (bytes)), 1) = '-' THEN CONCAT('4', LPAD(1000000000 - (IF(LOCATE('e', TRIM(LEADING '-' FROM LOWER((t1.v COLLATE (bytes))))) > 0, CAST(SUBSTRING_INDEX(TRIM(LEADING '-' FROM LOWER((t1.v COLLATE (bytes)))), 'e', -1) AS SIGNED), 0) + LENGTH(SUBSTRING_INDEX(SUBSTRING_INDEX(TRIM(LEADING '-' FROM LOWER((t1.v COLLATE (bytes)))), 'e', 1), '.', 1)) - LENGTH(REPLACE(SUBSTRING_INDEX(TRIM(LEADING '-' FROM LOWER((t1.v COLLATE (bytes)))), 'e', 1), '.', '')) + LENGTH(TRIM(LEADING '0' FROM REPLACE(SUBSTRING_INDEX(TRIM(LEADING '-' FROM LOWER((t1.v COLLATE (bytes)))), 'e', 1), '.', '')))), 10, '0'), REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(TRIM(TRAILING '0' FROM TRIM(LEADING '0' FROM REPLACE(SUBSTRING_INDEX(TRIM(LEADING '-' FROM LOWER((t1.v COLLATE (bytes)))), 'e', 1), '.', ''))), '0', 'j'), '1', 'i'), '2', 'h'), '3', 'g'), '4', 'f'), '5', 'e'), '6', 'd'), '7', 'c'), '8', 'b'), '9', 'a'), '~') ELSE CONCAT('6', LPAD(1000000000 + (IF(LOCATE('e', TRIM(LEADING '-' FROM LOWER((t1.v COLLATE (bytes))))) > 0, CAST(SUBSTRING_INDEX(TRIM(LEADING '-' FROM LOWER((t1.v COLLATE (bytes)))), 'e', -1) AS SIGNED), 0) + LENGTH(SUBSTRING_INDEX(SUBSTRING_INDEX(TRIM(LEADING '-' FROM LOWER((t1.v COLLATE (bytes)))), 'e', 1), '.', 1)) - LENGTH(REPLACE(SUBSTRING_INDEX(TRIM(LEADING '-' FROM LOWER((t1.v COLLATE (bytes)))), 'e', 1), '.', '')) + LENGTH(TRIM(LEADING '0' FROM REPLACE(SUBSTRING_INDEX(TRIM(LEADING '-' FROM LOWER((t1.v COLLATE (bytes)))), 'e', 1), '.', '')))), 10, '0'), TRIM(TRAILING '0' FROM TRIM(LEADING '0' FROM REPLACE(SUBSTRING_INDEX(TRIM(LEADING '-' FROM LOWER((t1.v COLLATE (bytes)))), 'e', 1), '.', '')))) END) END = ?)
-- args [3610000000011]

-- or, not
SELECT t0.`id` FROM `people` AS t0 WHERE (t0.`name` = ? OR ((t0.`age` < ? AND t0.`active` = ?)) IS NOT TRUE)
-- args [a 9 1]

-- path, text
SELECT t0.`id` FROM `people` AS t0 WHERE (JSON_TYPE(JSON_EXTRACT(t0.`profile`, '$."city"')) = 'STRING' AND CONVERT(JSON_UNQUOTE(JSON_EXTRACT(t0.`profile`, '$."city"')) USING utf8mb4) COLLATE (bytes) = ?)
-- args [Oslo]

-- path, number
SELECT t0.`id` FROM `people` AS t0 WHERE (JSON_TYPE(JSON_EXTRACT(t0.`profile`, '$."a"."b c"')) IN ('INTEGER', 'DOUBLE', 'DECIMAL', 'UNSIGNED INTEGER') AND (SELECT CASE JSON_TYPE(j.v) WHEN 'NULL' THEN NULL WHEN 'BOOLEAN' THEN IF((j.v COLLATE (bytes)) = 'true', '2', '1') WHEN 'STRING' THEN CONCAT('4', j.s) WHEN 'ARRAY' THEN CONCAT('5', (j.v COLLATE (bytes))) WHEN 'OBJECT' THEN CONCAT('5', (j.v COLLATE (bytes))) ELSE CONCAT('3', CASE WHEN TRIM(LEADING '0' FROM REPLACE(SUBSTRING_INDEX(TRIM(LEADING '-' FROM LOWER((j.v COLLATE (bytes)))), 'e', 1), '.', '')) = '' THEN '5' WHEN LEFT((j.v COLLATE (bytes)), 1) = '-' THEN CONCAT('4', LPAD(1000000000 - (IF(LOCATE('e', TRIM(LEADING '-' FROM LOWER((j.v COLLATE (bytes))))) > 0, CAST(SUBSTRING_INDEX(TRIM(LEADING '-' FROM LOWER((j.v COLLATE (bytes)))), 'e', -1) AS SIGNED), 0) + LENGTH(SUBSTRING_INDEX(SUBSTRING_INDEX(TRIM(LEADING '-' FROM LOWER((j.v COLLATE (bytes)))), 'e', 1), '.', 1)) - LENGTH(REPLACE(SUBSTRING_INDEX(TRIM(LEADING '-' FROM LOWER((j.v COLLATE (bytes)))), 'e', 1), '.', '')) + LENGTH(TRIM(LEADING '0' FROM REPLACE(SUBSTRING_INDEX(TRIM(LEADING '-' FROM LOWER((j.v COLLATE (bytes)))), 'e', 1), '.', '')))), 10, '0'), REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(TRIM(TRAILING '0' FROM TRIM(LEADING '0' FROM REPLACE(SUBSTRING_INDEX(TRIM(LEADING '-' FROM LOWER((j.v COLLATE (bytes)))), 'e', 1), '.', ''))), '0', 'j'), '1', 'i'), '2', 'h'), '3', 'g'), '4', 'f'), '5', 'e'), '6', 'd'), '7', 'c'), '8', 'b'), '9', 'a'), '~') ELSE CONCAT('6', LPAD(1000000000 + (IF(LOCATE('e', TRIM(LEADING '-' FROM LOWER((j.v COLLATE (bytes))))) > 0, CAST(SUBSTRING_INDEX(TRIM(LEADING '-' FROM LOWER((j.v COLLATE (bytes)))), 'e', -1) AS SIGNED), 0) + LENGTH(SUBSTRING_INDEX(SUBSTRING_INDEX(TRIM(LEADING '-' FROM LOWER((j.v COLLATE (bytes)))), 'e', 1), '.', 1)) - LENGTH(REPLACE(SUBSTRING_INDEX(TRIM(LEADING '-' FROM LOWER((j.v COLLATE (bytes)))), 'e', 1), '.', '')) + LENGTH(TRIM(LEADING '0' FROM REPLACE(SUBSTRING_INDEX(TRIM(LEADING '-' FROM LOWER((j.v COLLATE (bytes)))), 'e', 1), '.', '')))), 10, '0'), TRIM(TRAILING '0' FROM TRIM(LEADING '0' FROM REPLACE(SUBSTRING_INDEX(TRIM(LEADING '-' FROM LOWER((j.v COLLATE (bytes)))), 'e', 1), '.', '')))) END) END FROM JSON_TABLE(JSON_EXTRACT(t0.`profile`, '$."a"."b c"'), '$' COLUMNS (v JSON PATH '$', s LONGTEXT CHARACTER SET utf8mb4 COLLATE (bytes) PATH '$')) AS j) >= ?)
-- args [3610000000013]

-- path, nil
SELECT t0.`id` FROM `people` AS t0 WHERE COALESCE(JSON_TYPE(JSON_EXTRACT(t0.`profile`, '$."city"')), 'NULL') = 'NULL'
-- args []

-- path, digits
SELECT t0.`id` FROM `people` AS t0 WHERE (JSON_TYPE(COALESCE(JSON_EXTRACT(t0.`profile`, '$."list"."0"'), IF(JSON_TYPE(JSON_EXTRACT(t0.`profile`, '$."list"')) = 'ARRAY', JSON_EXTRACT(t0.`profile`, '$."list"[0]'), NULL))) = 'STRING' AND CONVERT(JSON_UNQUOTE(COALESCE(JSON_EXTRACT(t0.`profile`, '$."list"."0"'), IF(JSON_TYPE(JSON_EXTRACT(t0.`profile`, '$."list"')) = 'ARRAY', JSON_EXTRACT(t0.`profile`, '$."list"[0]'), NULL))) USING utf8mb4) COLLATE (bytes) = ?)
-- args [x]

-- path, quotes
SELECT t0.`id` FROM `people` AS t0 WHERE (JSON_TYPE(JSON_EXTRACT(t0.`profile`, '$."it''s \\"q\\""')) = 'STRING' AND CONVERT(JSON_UNQUOTE(JSON_EXTRACT(t0.`profile`, '$."it''s \\"q\\""')) USING utf8mb4) COLLATE (bytes) = ?)
-- args [x]

-- has many
SELECT t0.`id` FROM `people` AS t0 WHERE EXISTS (SELECT 1 FROM `people` AS t1 WHERE t1.`manager_id` = t0.`id` AND t1.`name` = ?)
-- args [x]

-- has many to many
SELECT t0.`id` FROM `people` AS t0 WHERE EXISTS (SELECT 1 FROM `memberships` AS t1 JOIN `groups` AS t2 ON t2.`id` = t1.`group_id` WHERE t1.`person_id` = t0.`id` AND t2.`title` = ?)
-- args [x]

-- has belongs to
SELECT t0.`id` FROM `people` AS t0 WHERE EXISTS (SELECT 1 FROM `people` AS t1 WHERE t1.`id` = t0.`manager_id` AND EXISTS (SELECT 1 FROM `people` AS t2 WHERE t2.`id` = t1.`manager_id`))
-- args []

-- has count
SELECT t0.`id` FROM `people` AS t0 WHERE (SELECT count(*) FROM `memberships` AS t1 JOIN `groups` AS t2 ON t2.`id` = t1.`group_id` WHERE t1.`person_id` = t0.`id`) >= ?
-- args [2]

-- order
SELECT t0.`id` FROM `people` AS t0 ORDER BY t0.`name`, t0.`id` DESC LIMIT ? OFFSET ?
-- args [3 2]

-- order by path
SELECT t0.`id` FROM `people` AS t0 ORDER BY (SELECT CASE JSON_TYPE(j.v) WHEN 'NULL' THEN NULL WHEN 'BOOLEAN' THEN IF((j.v COLLATE (bytes)) = 'true', '2', '1') WHEN 'STRING' THEN CONCAT('4', j.s) WHEN 'ARRAY' THEN CONCAT('5', (j.v COLLATE (bytes))) WHEN 'OBJECT' THEN CONCAT('5', (j.v COLLATE (bytes))) ELSE CONCAT('3', CASE WHEN TRIM(LEADING '0' FROM REPLACE(SUBSTRING_INDEX(TRIM(LEADING '-' FROM LOWER((j.v COLLATE (bytes)))), 'e', 1), '.', '')) = '' THEN '5' WHEN LEFT((j.v COLLATE (bytes)), 1) = '-' THEN CONCAT('4', LPAD(1000000000 - (IF(LOCATE('e', TRIM(LEADING '-' FROM LOWER((j.v COLLATE (bytes))))) > 0, CAST(SUBSTRING_INDEX(TRIM(LEADING '-' FROM LOWER((j.v COLLATE (bytes)))), 'e', -1) AS SIGNED), 0) + LENGTH(SUBSTRING_INDEX(SUBSTRING_INDEX(TRIM(LEADING '-' FROM LOWER((j.v COLLATE (bytes)))), 'e', 1), '.', 1)) - LENGTH(REPLACE(SUBSTRING_INDEX(TRIM(LEADING '-' FROM LOWER((j.v COLLATE (bytes)))), 'e', 1), '.', '')) + LENGTH(TRIM(LEADING '0' FROM REPLACE(SUBSTRING_INDEX(TRIM(LEADING '-' FROM LOWER((j.v COLLATE (bytes)))), 'e', 1), '.', '')))), 10, '0'), REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(TRIM(TRAILING '0' FROM TRIM(LEADING '0' FROM REPLACE(SUBSTRING_INDEX(TRIM(LEADING '-' FROM LOWER((j.v COLLATE (bytes)))), 'e', 1), '.', ''))), '0', 'j'), '1', 'i'), '2', 'h'), '3', 'g'), '4', 'f'), '5', 'e'), '6', 'd'), '7', 'c'), '8', 'b'), '9', 'a'), '~') ELSE CONCAT('6', LPAD(1000000000 + (IF(LOCATE('e', TRIM(LEADING '-' FROM LOWER((j.v COLLATE (bytes))))) > 0, CAST(SUBSTRING_INDEX(TRIM(LEADING '-' FROM LOWER((j.v COLLATE (bytes)))), 'e', -1) AS SIGNED), 0) + LENGTH(SUBSTRING_INDEX(SUBSTRING_INDEX(TRIM(LEADING '-' FROM LOWER((j.v COLLATE (bytes)))), 'e', 1), '.', 1)) - LENGTH(REPLACE(SUBSTRING_INDEX(TRIM(LEADING '-' FROM LOWER((j.v COLLATE (bytes)))), 'e', 1), '.', '')) + LENGTH(TRIM(LEADING '0' FROM REPLACE(SUBSTRING_INDEX(TRIM(LEADING '-' FROM LOWER((j.v COLLATE (bytes)))), 'e', 1), '.', '')))), 10, '0'), TRIM(TRAILING '0' FROM TRIM(LEADING '0' FROM REPLACE(SUBSTRING_INDEX(TRIM(LEADING '-' FROM LOWER((j.v COLLATE (bytes)))), 'e', 1), '.', '')))) END) END FROM JSON_TABLE(JSON_EXTRACT(t0.`profile`, '$."city"'), '$' COLUMNS (v JSON PATH '$', s LONGTEXT CHARACTER SET utf8mb4 COLLATE (bytes) PATH '$')) AS j)
-- args []

-- after one key
SELECT t0.`id` FROM `people` AS t0 WHERE (t0.`id` > ?) ORDER BY t0.`id`
-- args [5]

-- after, one direction
SELECT t0.`id` FROM `people` AS t0 WHERE (t0.`name`, t0.`id`) > (?, ?) ORDER BY t0.`name`, t0.`id`
-- args [x 5]

-- after, mixed and null
SELECT t0.`id` FROM `people` AS t0 WHERE ((t0.`age` < ? OR t0.`age` IS NULL) OR (t0.`age` = ? AND t0.`id` > ?)) ORDER BY t0.`age` DESC, t0.`id`
-- args [3 3 5]

-- before
SELECT t0.`id` FROM `people` AS t0 WHERE (FALSE OR (t0.`age` IS NULL AND t0.`id` < ?)) ORDER BY t0.`age`, t0.`id`
-- args [5]

-- distinct
SELECT DISTINCT t0.`name` FROM `people` AS t0
-- args []

-- via has many
SELECT t0.`id`, t0.`manager_id` FROM `people` AS t0 WHERE t0.`manager_id` IN (?, ?)
-- args [1 2]

-- via many to many
SELECT t0.`id`, t0.`title`, t1.`person_id` FROM `memberships` AS t1 JOIN `groups` AS t0 ON t0.`id` = t1.`group_id` WHERE t1.`person_id` IN (?) AND t0.`title` = ?
-- args [1 x]

-- via, limit per parent
SELECT c0, c1, c2 FROM (SELECT t0.`id` AS c0, t0.`title` AS c1, t1.`person_id` AS c2, t0.`title` AS s0, row_number() OVER (PARTITION BY t1.`person_id` ORDER BY t0.`title`) AS n FROM `memberships` AS t1 JOIN `groups` AS t0 ON t0.`id` = t1.`group_id` WHERE t1.`person_id` IN (?)) AS t2 WHERE n > ? AND n <= ? ORDER BY s0
-- args [1 1 4]

-- count
SELECT count(*) FROM `people` AS t0 WHERE t0.`active` = ?
-- args [1]

-- aggregate
SELECT count(*) AS a0, SUM(t0.`balance`) AS a1, MAX(t0.`age`) AS a2 FROM `people` AS t0
-- args []

-- group, having
SELECT a0, a1 FROM (SELECT t0.`active` AS a0, count(DISTINCT t0.`name`) AS a1 FROM `people` AS t0 GROUP BY t0.`active`) AS t1 WHERE a1 > ? ORDER BY a1 DESC LIMIT ?
-- args [1 5]

-- aggregate via has many
SELECT count(*) AS a0, t0.`manager_id` AS a1 FROM `people` AS t0 WHERE t0.`manager_id` IN (?, ?) AND t0.`active` = ? GROUP BY t0.`manager_id`
-- args [1 2 1]

-- aggregate via many to many, having
SELECT a0, a1, a2 FROM (SELECT t0.`title` AS a0, count(*) AS a1, t1.`person_id` AS a2 FROM `memberships` AS t1 JOIN `groups` AS t0 ON t0.`id` = t1.`group_id` WHERE t1.`person_id` IN (?) GROUP BY t0.`title`, t1.`person_id`) AS t2 WHERE a1 > ? ORDER BY a1 DESC
-- args [1 1]

-- insert
INSERT INTO `people` (`name`, `email`, `age`, `balance`, `active`, `born`, `wakes`, `profile`, `tags`, `avatar`, `version`, `manager_id`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
-- args [Ann <nil> 1 12.3 1 <nil> <nil> {} [] [1] 1 <nil>]

-- update
UPDATE `people` AS t0 SET `name` = ?, `version` = coalesce(t0.`version`, 0) + 1 WHERE t0.`id` = ?
-- args [x 1]

-- update, version checked
UPDATE `people` AS t0 SET `name` = ?, `version` = coalesce(t0.`version`, 0) + 1 WHERE t0.`id` = ? AND t0.`version` = ?
-- args [x 1 3]

-- update a place in json
SELECT t0.`id`, t0.`name`, t0.`email`, t0.`age`, t0.`balance`, t0.`active`, t0.`born`, t0.`wakes`, t0.`profile`, t0.`tags`, t0.`avatar`, t0.`version`, t0.`manager_id` FROM `people` AS t0 FOR UPDATE
-- args []
-- the documents of these rows are read, changed and written, in one transaction

-- increment, returning
UPDATE `people` AS t0 SET `age` = COALESCE(t0.`age`, 0) + ?, `balance` = COALESCE(t0.`balance`, 0) + CAST(? AS DECIMAL(65,2)), `version` = coalesce(t0.`version`, 0) + 1 WHERE t0.`id` = ?
-- args [1 0.5 1]

-- upsert, leave
INSERT INTO `people` (`name`, `email`, `age`, `balance`, `active`, `born`, `wakes`, `profile`, `tags`, `avatar`, `version`, `manager_id`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
-- args [Ann <nil> 1 12.3 1 <nil> <nil> {} [] [1] 1 <nil>]
-- a row that stands against the new one is looked for first, locked and changed instead, in one transaction

-- upsert, change
INSERT INTO `people` (`name`, `email`, `age`, `balance`, `active`, `born`, `wakes`, `profile`, `tags`, `avatar`, `version`, `manager_id`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
-- args [Ann <nil> 1 12.3 1 <nil> <nil> {} [] [1] 1 <nil>]
-- a row that stands against the new one is looked for first, locked and changed instead, in one transaction

-- delete
DELETE t0 FROM `people` AS t0 WHERE t0.`id` = ?
-- args [1]

-- soft delete, upsert, leave
INSERT INTO `docs` (`id`, `slug`, `gone`) VALUES (?, ?, ?)
-- args [1 x <nil>]
-- a row that stands against the new one is looked for first, locked and changed instead, in one transaction

-- soft delete, upsert, change
INSERT INTO `docs` (`id`, `slug`, `gone`) VALUES (?, ?, ?)
-- args [1 x <nil>]
-- a row that stands against the new one is looked for first, locked and changed instead, in one transaction

-- soft delete, by unique
SELECT t0.`id`, t0.`slug`, t0.`gone` FROM `docs` AS t0 WHERE t0.`gone` IS NULL AND t0.`slug` = ?
-- args [x]

-- soft delete, joined
SELECT t0.`id` FROM `docs` AS t0 WHERE (SELECT count(*) FROM `docs` AS t2 WHERE (t2.`id`) IN (SELECT t1.`label_id` FROM `labellings` AS t1 WHERE t1.`doc_id` = t0.`id` AND t1.`gone` IS NULL) AND t2.`gone` IS NULL) = ?
-- args [1]

-- soft delete, via
SELECT c0, c1 FROM (SELECT t0.`id` AS c0, t1.`doc_id` AS c1, t0.`slug` AS s0, row_number() OVER (PARTITION BY t1.`doc_id` ORDER BY t0.`slug`) AS n FROM (SELECT DISTINCT t2.`doc_id`, t2.`label_id` FROM `labellings` AS t2 WHERE t2.`doc_id` IN (?, ?) AND t2.`gone` IS NULL) AS t1 JOIN `docs` AS t0 ON t0.`id` = t1.`label_id` WHERE TRUE AND t0.`gone` IS NULL) AS t3 WHERE n > ? AND n <= ? ORDER BY s0
-- args [1 2 0 2]

