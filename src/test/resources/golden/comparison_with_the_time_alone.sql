WITH "moment" AS MATERIALIZED (
SELECT $2::text::timestamptz AS before
),
"d1 timemark" AS MATERIALIZED (
SELECT r."a id", r."a at", m."time", m.weight
FROM (SELECT t."id" AS "a id", t."at" AS "a at"
FROM "golden"."a" AS t) AS r
CROSS JOIN LATERAL (VALUES (("r"."a at" > (pg_catalog.now() - '01:00:00'::interval)), 1::bigint), (("r"."a at" > ((SELECT t.before FROM "moment" AS t) - '01:00:00'::interval)), (-1)::bigint)) AS m ("time", weight)
WHERE "r"."a at" >= LEAST(((SELECT t.before FROM "moment" AS t) - '01:00:00'::interval), (pg_catalog.now() - '01:00:00'::interval))
  AND "r"."a at" <= GREATEST(((SELECT t.before FROM "moment" AS t) - '01:00:00'::interval), (pg_catalog.now() - '01:00:00'::interval))
  AND ("r"."a at" > (pg_catalog.now() - '01:00:00'::interval)) IS DISTINCT FROM ("r"."a at" > ((SELECT t.before FROM "moment" AS t) - '01:00:00'::interval))
)
TABLE "d1 timemark"
