WITH "moment" AS MATERIALIZED (
SELECT $2::text::timestamptz AS before
),
"d0 changes" AS MATERIALIZED (
SELECT b."id" AS "a id", b."at" AS "a at", b.weight
FROM "golden"."changes_a" AS b
WHERE b.xid >= pg_snapshot_xmin($1::pg_snapshot) AND b.xid < pg_snapshot_xmax(pg_current_snapshot())
  AND NOT pg_visible_in_snapshot(b.xid, $1::pg_snapshot)
UNION ALL
SELECT NULL, NULL, NULL
FROM generate_series(1, 1000)
WHERE $1::pg_snapshot IS NULL
),
"d0 scan" AS MATERIALIZED (
SELECT d."a id", d."a at", sum(d.weight)::bigint AS weight
FROM (
  SELECT *
  FROM "d0 changes" AS b
  LIMIT 1000
) AS d
GROUP BY "d"."a id", "d"."a at"
HAVING sum(d.weight) <> 0
),
"d1 timemark" AS MATERIALIZED (
SELECT r."a id", r."a at", ("r"."a at" > ((SELECT t.before FROM "moment" AS t) - '01:00:00'::interval)) AS "time", r.weight
FROM "d0 scan" AS r
UNION ALL
SELECT r."a id", r."a at", m."time", m.weight
FROM (SELECT t."id" AS "a id", t."at" AS "a at"
FROM "golden"."a" AS t) AS r
CROSS JOIN LATERAL (VALUES (("r"."a at" > (pg_catalog.now() - '01:00:00'::interval)), 1::bigint), (("r"."a at" > ((SELECT t.before FROM "moment" AS t) - '01:00:00'::interval)), (-1)::bigint)) AS m ("time", weight)
WHERE "r"."a at" >= LEAST(((SELECT t.before FROM "moment" AS t) - '01:00:00'::interval), (pg_catalog.now() - '01:00:00'::interval))
  AND "r"."a at" <= GREATEST(((SELECT t.before FROM "moment" AS t) - '01:00:00'::interval), (pg_catalog.now() - '01:00:00'::interval))
  AND ("r"."a at" > (pg_catalog.now() - '01:00:00'::interval)) IS DISTINCT FROM ("r"."a at" > ((SELECT t.before FROM "moment" AS t) - '01:00:00'::interval))
)
TABLE "d1 timemark"
