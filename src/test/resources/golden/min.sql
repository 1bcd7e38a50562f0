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
SELECT hash_record_extended(ROW("d"."a part"), 0) AS "key_hash", "d"."a part", sum(d.weight)::bigint AS "group_rows", min(d."a price") FILTER (WHERE d.weight > 0) AS "a0_value", min(d."a price") FILTER (WHERE d.weight < 0) AS "a0_left"
FROM "d1 net" AS d
GROUP BY "d"."a part"
),
"d1 merged" AS MATERIALIZED (
SELECT t."key_hash", CASE WHEN s.ctid IS NULL THEN t."a part" ELSE s."a part" END AS "a part", s.ctid AS place, coalesce(s."group_rows", 0) + t."group_rows" AS "group_rows", CASE WHEN t."a0_value" IS NULL OR s."a0_value" <= t."a0_value" THEN s."a0_value" ELSE t."a0_value" END AS "a0_value", s."a0_value" AS "old a0_value", s."a part" AS "old a part", ((t."a0_left" <= s."a0_value") IS TRUE AND (t."a0_value" < s."a0_value") IS NOT TRUE) AS stale
FROM "d1 touched" AS t
LEFT JOIN "golden"."state_1_0" AS s ON s."key_hash" = t."key_hash" AND "s"."a part" IS NOT DISTINCT FROM "t"."a part"
),
"d1 restricted" AS MATERIALIZED (
SELECT r.*
FROM "d1 merged" AS m
JOIN (SELECT t."id" AS "a id", t."part" AS "a part", t."price" AS "a price"
FROM "golden"."a" AS t) AS r ON "r"."a part" = "m"."a part"
WHERE m.stale
UNION ALL
SELECT r.*
FROM "d1 merged" AS m
JOIN (SELECT t."id" AS "a id", t."part" AS "a part", t."price" AS "a price"
FROM "golden"."a" AS t) AS r ON hash_record_extended(ROW("r"."a part"), 0) = m."key_hash" AND "r"."a part" IS NOT DISTINCT FROM "m"."a part"
WHERE m.stale AND (num_nulls("m"."a part") > 0) AND (SELECT bool_or(num_nulls("m"."a part") > 0) FROM "d1 merged" AS m WHERE m.stale)
),
"d1 fresh" AS MATERIALIZED (
SELECT "r"."a part", min(r."a price") AS "a0_value", hash_record_extended(ROW("r"."a part"), 0) AS "key_hash"
FROM "d1 restricted" AS r
GROUP BY "r"."a part"
),
"d1 next" AS MATERIALIZED (
SELECT m."key_hash", m.place, m."group_rows", CASE WHEN m.stale AND m."group_rows" > 0 THEN f."a part" ELSE m."a part" END AS "a part", m."old a part", CASE WHEN m.stale THEN f."a0_value" ELSE m."a0_value" END AS "a0_value", m."old a0_value"
FROM "d1 merged" AS m
LEFT JOIN "d1 fresh" AS f ON f."key_hash" = m."key_hash" AND "f"."a part" IS NOT DISTINCT FROM "m"."a part"
),
"d1 stored" AS (
UPDATE "golden"."state_1_0" AS s
SET "a part" = n."a part", "group_rows" = n."group_rows", "a0_value" = n."a0_value"
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
INSERT INTO "golden"."state_1_0" ("key_hash", "a part", "group_rows", "a0_value")
SELECT "n"."key_hash", "n"."a part", "n"."group_rows", "n"."a0_value"
FROM "d1 next" AS n
WHERE n.place IS NULL AND n."group_rows" <> 0
RETURNING 1
),
"d1 aggregation" AS MATERIALIZED (
SELECT n."old a part" AS "a part", "o"."a0_value" AS "result", (-1)::bigint AS weight
FROM "d1 next" AS n
CROSS JOIN LATERAL (SELECT n."old a0_value" AS "a0_value") AS o
WHERE n.place IS NOT NULL
UNION ALL
SELECT n."a part" AS "a part", "n"."a0_value" AS "result", 1::bigint AS weight
FROM "d1 next" AS n
WHERE n."group_rows" > 0
)
TABLE "d1 aggregation"
