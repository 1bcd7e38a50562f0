WITH "d0 changes" AS MATERIALIZED (
SELECT b."id" AS "a id", b."part" AS "a part", b."price" AS "a price", b.weight
FROM "golden"."changes_a" AS b
WHERE b.xid >= pg_snapshot_xmin($1::pg_snapshot) AND b.xid < pg_snapshot_xmax(pg_current_snapshot())
  AND NOT pg_visible_in_snapshot(b.xid, $1::pg_snapshot)
UNION ALL
SELECT NULL, NULL, NULL, NULL
FROM generate_series(1, 1000)
WHERE $1::pg_snapshot IS NULL
),
"d0 scan" AS MATERIALIZED (
SELECT d."a id", d."a part", d."a price", sum(d.weight)::bigint AS weight
FROM (
  SELECT *
  FROM "d0 changes" AS b
  LIMIT 1000
) AS d
GROUP BY "d"."a id", "d"."a part", "d"."a price", "d"."a price"::text COLLATE "C"
HAVING sum(d.weight) <> 0
),
"d1 net" AS MATERIALIZED (
SELECT d."a id", d."a part", d."a price", sum(d.weight)::bigint AS weight
FROM "d0 scan" AS d
GROUP BY "d"."a id", "d"."a part", "d"."a price", "d"."a price"::text COLLATE "C"
HAVING sum(d.weight) <> 0
),
"d1 touched" AS MATERIALIZED (
SELECT hash_record_extended(ROW("d"."a part"), 0) AS "key_hash", "d"."a part", sum(d.weight)::bigint AS "group_rows", coalesce(sum(d."a part"::bigint * d.weight), 0)::numeric AS "a0_sum", coalesce(sum(d.weight) FILTER (WHERE d."a part" IS NOT NULL), 0)::bigint AS "a0_count"
FROM "d1 net" AS d
GROUP BY "d"."a part"
),
"d1 next" AS MATERIALIZED (
SELECT t."key_hash", CASE WHEN s.ctid IS NULL THEN t."a part" ELSE s."a part" END AS "a part", s.ctid AS place, coalesce(s."group_rows", 0) + t."group_rows" AS "group_rows", coalesce(s."a0_sum", 0) + t."a0_sum" AS "a0_sum", s."a0_sum" AS "old a0_sum", coalesce(s."a0_count", 0) + t."a0_count" AS "a0_count", s."a0_count" AS "old a0_count", s."a part" AS "old a part"
FROM "d1 touched" AS t
LEFT JOIN "golden"."state_1_0" AS s ON s."key_hash" = t."key_hash" AND "s"."a part" IS NOT DISTINCT FROM "t"."a part"
),
"d1 stored" AS (
UPDATE "golden"."state_1_0" AS s
SET "a part" = n."a part", "group_rows" = n."group_rows", "a0_sum" = n."a0_sum", "a0_count" = n."a0_count"
FROM "d1 next" AS n
WHERE s.ctid = n.place AND n."group_rows" > 0
RETURNING 1
),
"d1 removed" AS (
DELETE FROM "golden"."state_1_0" AS s
USING "d1 next" AS n
WHERE s.ctid = n.place AND n."group_rows" <= 0
RETURNING 1
),
"d1 added" AS (
INSERT INTO "golden"."state_1_0" ("key_hash", "a part", "group_rows", "a0_sum", "a0_count")
SELECT "n"."key_hash", "n"."a part", "n"."group_rows", "n"."a0_sum", "n"."a0_count"
FROM "d1 next" AS n
WHERE n.place IS NULL AND n."group_rows" <> 0
RETURNING 1
),
"d1 aggregation" AS MATERIALIZED (
SELECT n."old a part" AS "a part", CASE WHEN "o"."a0_count" > 0 THEN "o"."a0_sum"::bigint END AS "result", (-1)::bigint AS weight
FROM "d1 next" AS n
CROSS JOIN LATERAL (SELECT n."old a0_sum" AS "a0_sum", n."old a0_count" AS "a0_count") AS o
WHERE n.place IS NOT NULL
UNION ALL
SELECT n."a part" AS "a part", CASE WHEN "n"."a0_count" > 0 THEN "n"."a0_sum"::bigint END AS "result", 1::bigint AS weight
FROM "d1 next" AS n
WHERE n."group_rows" > 0
)
TABLE "d1 aggregation"
