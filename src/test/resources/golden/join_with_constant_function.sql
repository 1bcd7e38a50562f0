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
"d3 join" AS MATERIALIZED (
SELECT "r1"."a id", "r1"."a part", "r1"."a price", "r2"."result", "r1".weight AS weight
FROM "d0 scan" AS "r1", (SELECT "f"."result"
FROM (SELECT) AS r
CROSS JOIN LATERAL generate_series(1, 3::bigint) AS f("result")) AS "r2"
)
TABLE "d3 join"
