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
SELECT 0::bigint AS "key_hash"
FROM "d1 net" AS d
HAVING count(*) > 0
),
"d1 restricted" AS MATERIALIZED (
SELECT r.*
FROM (SELECT t."id" AS "a id", t."part" AS "a part", t."price" AS "a price"
FROM "golden"."a" AS t) AS r
WHERE EXISTS (SELECT FROM "d1 touched")
),
"d1 fresh" AS MATERIALIZED (
SELECT "r"."a id", "r"."a part", count(*) OVER (ORDER BY "r"."a price" DESC) AS "result"
FROM "d1 restricted" AS r
),
"d1 stored" AS MATERIALIZED (
SELECT s.*, s.ctid AS place
FROM "golden"."state_1_0" AS s
WHERE EXISTS (SELECT FROM "d1 touched")
),
"d1 changed" AS MATERIALIZED (
SELECT "d"."a id", "d"."a part", "d"."result", d.weight, d.place
FROM (
  SELECT d.*, sum(d.weight) OVER (PARTITION BY "d"."a id", "d"."a part", "d"."result") AS change,
    row_number() OVER (PARTITION BY "d"."a id", "d"."a part", "d"."result", d.weight ORDER BY d.place) AS number
  FROM (
    SELECT "n"."a id", "n"."a part", "n"."result", 1 AS weight, NULL::tid AS place
    FROM "d1 fresh" AS n
    UNION ALL
    SELECT "s"."a id", "s"."a part", "s"."result", -1, s.place
    FROM "d1 stored" AS s
  ) AS d
) AS d
WHERE sign(d.change) = d.weight AND d.number <= abs(d.change)
),
"d1 removed" AS (
DELETE FROM "golden"."state_1_0" AS s
USING "d1 changed" AS n
WHERE s.ctid = n.place
RETURNING 1
),
"d1 added" AS (
INSERT INTO "golden"."state_1_0" ("key_hash", "a id", "a part", "result")
SELECT 0::bigint, "n"."a id", "n"."a part", "n"."result"
FROM "d1 changed" AS n
WHERE n.weight > 0
RETURNING 1
),
"d1 window" AS MATERIALIZED (
SELECT "n"."a id", "n"."a part", "n"."result", n.weight::bigint AS weight
FROM "d1 changed" AS n
WHERE true
)
TABLE "d1 window"
