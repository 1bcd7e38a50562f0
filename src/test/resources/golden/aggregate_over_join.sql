WITH "d1 changes" AS MATERIALIZED (
SELECT b."id" AS "b id", b."label" AS "b label", b.weight
FROM "golden"."changes_b" AS b
WHERE b.xid >= pg_snapshot_xmin($1::pg_snapshot) AND b.xid < pg_snapshot_xmax(pg_current_snapshot())
  AND NOT pg_visible_in_snapshot(b.xid, $1::pg_snapshot)
UNION ALL
SELECT NULL, NULL, NULL
FROM generate_series(1, 1000)
WHERE $1::pg_snapshot IS NULL
),
"d1 scan" AS MATERIALIZED (
SELECT d."b id", d."b label", sum(d.weight)::bigint AS weight
FROM (
  SELECT *
  FROM "d1 changes" AS b
  LIMIT 1000
) AS d
GROUP BY "d"."b id", "d"."b label"
HAVING sum(d.weight) <> 0
),
"d2 join" AS MATERIALIZED (
SELECT "r1"."a id", "r1"."a part", "r1"."a price", "r2"."b id", "r2"."b label", "r2".weight AS weight
FROM "d1 scan" AS "r2", (SELECT t."id" AS "a id", t."part" AS "a part", t."price" AS "a price"
FROM "golden"."a" AS t) AS "r1"
WHERE "r1"."a part" = "r2"."b id"
),
"d3 net" AS MATERIALIZED (
SELECT d."a id", d."a part", d."a price", d."b id", d."b label", sum(d.weight)::bigint AS weight
FROM "d2 join" AS d
GROUP BY "d"."a id", "d"."a part", "d"."a price", "d"."a price"::text COLLATE "C", "d"."b id", "d"."b label"
HAVING sum(d.weight) <> 0
),
"d3 touched" AS MATERIALIZED (
SELECT hash_record_extended(ROW("d"."b label"), 0) AS "key_hash", "d"."b label", sum(d.weight)::bigint AS "group_rows", coalesce(sum(d.weight), 0)::bigint AS "a0_count"
FROM "d3 net" AS d
GROUP BY "d"."b label"
),
"d3 next" AS MATERIALIZED (
SELECT t."key_hash", CASE WHEN s.ctid IS NULL THEN t."b label" ELSE s."b label" END AS "b label", s.ctid AS place, coalesce(s."group_rows", 0) + t."group_rows" AS "group_rows", coalesce(s."a0_count", 0) + t."a0_count" AS "a0_count", s."a0_count" AS "old a0_count", s."b label" AS "old b label"
FROM "d3 touched" AS t
LEFT JOIN "golden"."state_3_0" AS s ON s."key_hash" = t."key_hash" AND "s"."b label" IS NOT DISTINCT FROM "t"."b label"
),
"d3 stored" AS (
UPDATE "golden"."state_3_0" AS s
SET "b label" = n."b label", "group_rows" = n."group_rows", "a0_count" = n."a0_count"
FROM "d3 next" AS n
WHERE s.ctid = n.place AND n."group_rows" > 0
RETURNING 1
),
"d3 removed" AS (
DELETE FROM "golden"."state_3_0" AS s
USING "d3 next" AS n
WHERE s.ctid = n.place AND n."group_rows" <= 0
RETURNING 1
),
"d3 added" AS (
INSERT INTO "golden"."state_3_0" ("key_hash", "b label", "group_rows", "a0_count")
SELECT "n"."key_hash", "n"."b label", "n"."group_rows", "n"."a0_count"
FROM "d3 next" AS n
WHERE n.place IS NULL AND n."group_rows" <> 0
RETURNING 1
),
"d3 aggregation" AS MATERIALIZED (
SELECT n."old b label" AS "b label", "o"."a0_count" AS "result", (-1)::bigint AS weight
FROM "d3 next" AS n
CROSS JOIN LATERAL (SELECT n."old a0_count" AS "a0_count") AS o
WHERE n.place IS NOT NULL
UNION ALL
SELECT n."b label" AS "b label", "n"."a0_count" AS "result", 1::bigint AS weight
FROM "d3 next" AS n
WHERE n."group_rows" > 0
)
TABLE "d3 aggregation"
