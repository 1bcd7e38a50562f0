WITH "d1 changes" AS MATERIALIZED (
SELECT b.weight
FROM "golden"."changes_b" AS b
WHERE b.xid >= pg_snapshot_xmin($1::pg_snapshot) AND b.xid < pg_snapshot_xmax(pg_current_snapshot())
  AND NOT pg_visible_in_snapshot(b.xid, $1::pg_snapshot)
UNION ALL
SELECT NULL
FROM generate_series(1, 1000)
WHERE $1::pg_snapshot IS NULL
),
"d1 scan" AS MATERIALIZED (
SELECT sum(d.weight)::bigint AS weight
FROM (
  SELECT *
  FROM "d1 changes" AS b
  LIMIT 1000
) AS d
HAVING sum(d.weight) <> 0
),
"d2 turned numbered" AS MATERIALIZED (
SELECT d.*, row_number() OVER () AS number
FROM (SELECT sum(d.weight)::bigint AS weight
FROM (SELECT r.weight FROM "d1 scan" AS r) AS d
HAVING sum(d.weight) <> 0) AS d
),
"d2 turned pairs" AS MATERIALIZED (
SELECT true AS present, r.number, r.weight AS change, 1::bigint AS copies
FROM "d2 turned numbered" AS r
JOIN (SELECT 
FROM "golden"."a" AS t) AS l ON true
),
"d2 turned" AS MATERIALIZED (
SELECT true AS present, l.copies::bigint AS copies, l.change::bigint AS change
FROM (SELECT true AS present, p.copies, sum(p.change) OVER () AS change, row_number() OVER () AS "copy"
FROM (SELECT true AS present, p.change, sum(p.copies) OVER (PARTITION BY p."number") AS copies, row_number() OVER (PARTITION BY p."number") AS "copy"
FROM "d2 turned pairs" AS p) AS p
WHERE p."copy" = 1) AS l
WHERE l."copy" = 1 AND l.change <> 0 AND l.copies <> 0
  AND (SELECT count(*) FROM (SELECT FROM (SELECT 
FROM "golden"."b" AS t) AS r WHERE true LIMIT greatest(l.change, 0)::bigint + 1) AS m)
    = greatest(l.change, 0)
),
"d2 markjoin" AS MATERIALIZED (
SELECT (l.change < 0) AS "mark", -l.copies AS weight
FROM "d2 turned" AS l
UNION ALL
SELECT (l.change > 0) AS "mark", l.copies AS weight
FROM "d2 turned" AS l
)
TABLE "d2 markjoin"
