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
"d1 changes" AS MATERIALIZED (
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
"d2 left numbered" AS MATERIALIZED (
SELECT d.*, row_number() OVER () AS number
FROM (SELECT d."b id", sum(d.weight)::bigint AS weight
FROM (SELECT r."b id", r.weight FROM "d1 scan" AS r) AS d
GROUP BY "d"."b id"
HAVING sum(d.weight) <> 0) AS d
),
"d2 left pairs" AS MATERIALIZED (
SELECT "l"."a id", "l"."a part", "l"."a price", r.number, r.weight AS change, 1::bigint AS copies
FROM "d2 left numbered" AS r
JOIN (SELECT t."id" AS "a id", t."part" AS "a part", t."price" AS "a price"
FROM "golden"."a" AS t) AS l ON "l"."a part" = "r"."b id"
UNION ALL
SELECT "l"."a id", "l"."a part", "l"."a price", r.number, r.weight AS change, -l.weight AS copies
FROM "d2 left numbered" AS r
JOIN "d0 scan" AS l ON "l"."a part" = "r"."b id"
),
"d2 left" AS MATERIALIZED (
SELECT "l"."a id", "l"."a part", "l"."a price", l.copies::bigint AS copies, l.change::bigint AS change
FROM (SELECT "p"."a id", "p"."a part", "p"."a price", p.copies, sum(p.change) OVER (PARTITION BY "p"."a id", "p"."a part", "p"."a price", "p"."a price"::text COLLATE "C") AS change, row_number() OVER (PARTITION BY "p"."a id", "p"."a part", "p"."a price", "p"."a price"::text COLLATE "C") AS "copy"
FROM (SELECT "p"."a id", "p"."a part", "p"."a price", p.change, sum(p.copies) OVER (PARTITION BY "p"."a id", "p"."a part", "p"."a price", "p"."a price"::text COLLATE "C", p."number") AS copies, row_number() OVER (PARTITION BY "p"."a id", "p"."a part", "p"."a price", "p"."a price"::text COLLATE "C", p."number") AS "copy"
FROM "d2 left pairs" AS p) AS p
WHERE p."copy" = 1) AS l
WHERE l."copy" = 1 AND l.change <> 0 AND l.copies <> 0
  AND (SELECT count(*) FROM (SELECT FROM (SELECT t."id" AS "b id", t."label" AS "b label"
FROM "golden"."b" AS t) AS r WHERE "l"."a part" = "r"."b id" LIMIT greatest(l.change, 0)::bigint + 1) AS m)
    = greatest(l.change, 0)
),
"d2 outerjoin" AS MATERIALIZED (
SELECT "r1"."a id", "r1"."a part", "r1"."a price", "r2"."b id", "r2"."b label", "r1".weight AS weight
FROM "d0 scan" AS "r1", (SELECT t."id" AS "b id", t."label" AS "b label"
FROM "golden"."b" AS t) AS "r2"
WHERE "r1"."a part" = "r2"."b id"
UNION ALL
SELECT "r1"."a id", "r1"."a part", "r1"."a price", "r2"."b id", "r2"."b label", "r2".weight AS weight
FROM "d1 scan" AS "r2", (SELECT t."id" AS "a id", t."part" AS "a part", t."price" AS "a price"
FROM "golden"."a" AS t) AS "r1"
WHERE "r1"."a part" = "r2"."b id"
UNION ALL
SELECT "r1"."a id", "r1"."a part", "r1"."a price", "r2"."b id", "r2"."b label", -("r1".weight * "r2".weight) AS weight
FROM "d0 scan" AS "r1", "d1 scan" AS "r2"
WHERE "r1"."a part" = "r2"."b id"
UNION ALL
SELECT l."a id", l."a part", l."a price", NULL AS "b id", NULL AS "b label", l.weight AS weight
FROM "d0 scan" AS l
WHERE NOT EXISTS (SELECT FROM (SELECT t."id" AS "b id", t."label" AS "b label"
FROM "golden"."b" AS t) AS r WHERE "l"."a part" = "r"."b id")
UNION ALL
SELECT l."a id", l."a part", l."a price", NULL AS "b id", NULL AS "b label", CASE WHEN l.change < 0 THEN l.copies ELSE -l.copies END AS weight
FROM "d2 left" AS l
)
TABLE "d2 outerjoin"
