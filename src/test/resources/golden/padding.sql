WITH "d0 changes" AS MATERIALIZED (
SELECT b."price" AS "a price", b.weight
FROM "golden"."changes_a" AS b
WHERE b.xid >= pg_snapshot_xmin($1::pg_snapshot) AND b.xid < pg_snapshot_xmax(pg_current_snapshot())
  AND NOT pg_visible_in_snapshot(b.xid, $1::pg_snapshot)
UNION ALL
SELECT NULL, NULL
FROM generate_series(1, 1000)
WHERE $1::pg_snapshot IS NULL
),
"d0 scan" AS MATERIALIZED (
SELECT d."a price", sum(d.weight)::bigint AS weight
FROM (
  SELECT *
  FROM "d0 changes" AS b
  LIMIT 1000
) AS d
GROUP BY "d"."a price", "d"."a price"::text COLLATE "C"
HAVING sum(d.weight) <> 0
),
"d1 net" AS MATERIALIZED (
SELECT d."a price", sum(d.weight)::bigint AS weight
FROM "d0 scan" AS d
GROUP BY "d"."a price", "d"."a price"::text COLLATE "C"
HAVING sum(d.weight) <> 0
),
"d1 touched" AS MATERIALIZED (
SELECT 0::bigint AS "key_hash", sum(d.weight)::bigint AS "group_rows", coalesce(sum(d.weight), 0)::bigint AS "a0_count"
FROM "d1 net" AS d
HAVING count(*) > 0
),
"d1 next" AS MATERIALIZED (
SELECT t."key_hash", s.ctid AS place, coalesce(s."group_rows", 0) + t."group_rows" AS "group_rows", coalesce(s."a0_count", 0) + t."a0_count" AS "a0_count", s."a0_count" AS "old a0_count"
FROM "d1 touched" AS t
LEFT JOIN "golden"."state_1_0" AS s ON s."key_hash" = t."key_hash" AND true
),
"d1 stored" AS (
UPDATE "golden"."state_1_0" AS s
SET "group_rows" = n."group_rows", "a0_count" = n."a0_count"
FROM "d1 next" AS n
WHERE s.ctid = n.place
RETURNING 1
),
"d1 added" AS (
INSERT INTO "golden"."state_1_0" ("key_hash", "group_rows", "a0_count")
SELECT "n"."key_hash", "n"."group_rows", "n"."a0_count"
FROM "d1 next" AS n
WHERE n.place IS NULL AND n."group_rows" <> 0
RETURNING 1
),
"d1 aggregation" AS MATERIALIZED (
SELECT "o"."a0_count" AS "result", (-1)::bigint AS weight
FROM "d1 next" AS n
CROSS JOIN LATERAL (SELECT n."old a0_count" AS "a0_count") AS o
WHERE n.place IS NOT NULL
UNION ALL
SELECT "n"."a0_count" AS "result", 1::bigint AS weight
FROM "d1 next" AS n
WHERE true
),
"d3 padding" AS MATERIALIZED (
SELECT r."result", n."b label", r.weight AS weight
FROM "d1 aggregation" AS r
LEFT JOIN (SELECT t."id" AS "b id", t."label" AS "b label"
FROM "golden"."b" AS t) AS n ON false
)
TABLE "d3 padding"
