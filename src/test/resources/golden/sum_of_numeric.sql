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
SELECT hash_record_extended(ROW("d"."a part"), 0) AS "key_hash", "d"."a part", sum(d.weight)::bigint AS "group_rows", coalesce(sum("d"."a price" * d.weight) FILTER (WHERE "d"."a price" < 'Infinity'::numeric AND "d"."a price" > '-Infinity'::numeric), 0) AS "a0_sum", coalesce(sum(('1e' || 15 * scale("d"."a price"))::numeric * d.weight) FILTER (WHERE "d"."a price" < 'Infinity'::numeric AND "d"."a price" > '-Infinity'::numeric), 0) AS "a0_scales", coalesce(sum(d.weight) FILTER (WHERE "d"."a price" < 'Infinity'::numeric AND "d"."a price" > '-Infinity'::numeric), 0)::bigint AS "a0_finite", coalesce(sum(d.weight) FILTER (WHERE "d"."a price" = 'NaN'::numeric), 0)::bigint AS "a0_nan", coalesce(sum(d.weight) FILTER (WHERE "d"."a price" = 'Infinity'::numeric), 0)::bigint AS "a0_positive", coalesce(sum(d.weight) FILTER (WHERE "d"."a price" = '-Infinity'::numeric), 0)::bigint AS "a0_negative"
FROM "d1 net" AS d
GROUP BY "d"."a part"
),
"d1 next" AS MATERIALIZED (
SELECT t."key_hash", CASE WHEN s.ctid IS NULL THEN t."a part" ELSE s."a part" END AS "a part", s.ctid AS place, coalesce(s."group_rows", 0) + t."group_rows" AS "group_rows", coalesce(s."a0_sum", 0) + t."a0_sum" AS "a0_sum", s."a0_sum" AS "old a0_sum", coalesce(s."a0_scales", 0) + t."a0_scales" AS "a0_scales", s."a0_scales" AS "old a0_scales", coalesce(s."a0_finite", 0) + t."a0_finite" AS "a0_finite", s."a0_finite" AS "old a0_finite", coalesce(s."a0_nan", 0) + t."a0_nan" AS "a0_nan", s."a0_nan" AS "old a0_nan", coalesce(s."a0_positive", 0) + t."a0_positive" AS "a0_positive", s."a0_positive" AS "old a0_positive", coalesce(s."a0_negative", 0) + t."a0_negative" AS "a0_negative", s."a0_negative" AS "old a0_negative", s."a part" AS "old a part"
FROM "d1 touched" AS t
LEFT JOIN "golden"."state_1_0" AS s ON s."key_hash" = t."key_hash" AND "s"."a part" IS NOT DISTINCT FROM "t"."a part"
),
"d1 stored" AS (
UPDATE "golden"."state_1_0" AS s
SET "a part" = n."a part", "group_rows" = n."group_rows", "a0_sum" = n."a0_sum", "a0_scales" = n."a0_scales", "a0_finite" = n."a0_finite", "a0_nan" = n."a0_nan", "a0_positive" = n."a0_positive", "a0_negative" = n."a0_negative"
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
INSERT INTO "golden"."state_1_0" ("key_hash", "a part", "group_rows", "a0_sum", "a0_scales", "a0_finite", "a0_nan", "a0_positive", "a0_negative")
SELECT "n"."key_hash", "n"."a part", "n"."group_rows", "n"."a0_sum", "n"."a0_scales", "n"."a0_finite", "n"."a0_nan", "n"."a0_positive", "n"."a0_negative"
FROM "d1 next" AS n
WHERE n.place IS NULL AND n."group_rows" <> 0
RETURNING 1
),
"d1 aggregation" AS MATERIALIZED (
SELECT n."old a part" AS "a part", CASE
  WHEN "o"."a0_nan" > 0 OR ("o"."a0_positive" > 0 AND "o"."a0_negative" > 0) THEN 'NaN'::numeric
  WHEN "o"."a0_positive" > 0 THEN 'Infinity'::numeric
  WHEN "o"."a0_negative" > 0 THEN '-Infinity'::numeric
  WHEN "o"."a0_finite" > 0 THEN round("o"."a0_sum", (length("o"."a0_scales"::text) - 1) / 15)
END AS "result", (-1)::bigint AS weight
FROM "d1 next" AS n
CROSS JOIN LATERAL (SELECT n."old a0_sum" AS "a0_sum", n."old a0_scales" AS "a0_scales", n."old a0_finite" AS "a0_finite", n."old a0_nan" AS "a0_nan", n."old a0_positive" AS "a0_positive", n."old a0_negative" AS "a0_negative") AS o
WHERE n.place IS NOT NULL
UNION ALL
SELECT n."a part" AS "a part", CASE
  WHEN "n"."a0_nan" > 0 OR ("n"."a0_positive" > 0 AND "n"."a0_negative" > 0) THEN 'NaN'::numeric
  WHEN "n"."a0_positive" > 0 THEN 'Infinity'::numeric
  WHEN "n"."a0_negative" > 0 THEN '-Infinity'::numeric
  WHEN "n"."a0_finite" > 0 THEN round("n"."a0_sum", (length("n"."a0_scales"::text) - 1) / 15)
END AS "result", 1::bigint AS weight
FROM "d1 next" AS n
WHERE n."group_rows" > 0
)
TABLE "d1 aggregation"
