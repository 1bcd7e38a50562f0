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
SELECT hash_record_extended(ROW("d"."a price"), 0) AS "key_hash", "d"."a price"
FROM "d1 net" AS d
GROUP BY "d"."a price"
),
"d1 stored" AS MATERIALIZED (
SELECT s.*, s.ctid AS place, row_number() OVER (PARTITION BY "s"."a price" ORDER BY "s"."a price" DESC, "s"."a id") AS number
FROM "d1 touched" AS t
JOIN "golden"."state_1_0" AS s ON s."key_hash" = t."key_hash" AND "s"."a price" IS NOT DISTINCT FROM "t"."a price"
),
"d1 reach" AS MATERIALIZED (
SELECT "d"."a id", "d"."a part", "d"."a price", d.weight
FROM (
  SELECT d.*, max(d.number) FILTER (WHERE d.boundary) OVER (PARTITION BY "d"."a price") AS reach
  FROM (
    SELECT d.*, rank() OVER (PARTITION BY "d"."a price" ORDER BY "d"."a price" DESC, "d"."a id") AS number
    FROM (
      SELECT "d"."a id", "d"."a part", "d"."a price", d.weight, false AS boundary
      FROM "d1 net" AS d
      UNION ALL
      SELECT "s"."a id", "s"."a part", "s"."a price", 0, true
      FROM "d1 stored" AS s
      WHERE s.number = 5
    ) AS d
  ) AS d
) AS d
WHERE NOT d.boundary AND (d.reach IS NULL OR d.number <= d.reach)
),
"d1 reached" AS MATERIALIZED (
SELECT s.*
FROM "d1 stored" AS s
WHERE EXISTS (SELECT FROM "d1 reach")
),
"d1 merged" AS MATERIALIZED (
SELECT d.*
FROM (
SELECT d."a id", d."a part", d."a price", sum(d.weight)::bigint AS weight
FROM (
  SELECT "s"."a id", "s"."a part", "s"."a price", 1::bigint AS weight
  FROM "d1 reached" AS s
  UNION ALL
  SELECT "d"."a id", "d"."a part", "d"."a price", d.weight
  FROM "d1 reach" AS d
) AS d
GROUP BY "d"."a id", "d"."a part", "d"."a price", "d"."a price"::text COLLATE "C"
HAVING sum(d.weight) <> 0
) AS d
WHERE d.weight > 0
),
"d1 lacking" AS MATERIALIZED (
SELECT hash_record_extended(ROW("d"."a price"), 0) AS "key_hash", "d"."a price"
FROM (
  SELECT "d"."a price"
  FROM (
    SELECT "m"."a price", m.weight, false AS boundary
    FROM "d1 merged" AS m
    UNION ALL
    SELECT "s"."a price", 0, true
    FROM "d1 reached" AS s
    WHERE s.number = 5
  ) AS d
  GROUP BY "d"."a price"
  HAVING bool_or(d.boundary) AND sum(d.weight) < 5
) AS d
GROUP BY "d"."a price"
),
"d1 restricted" AS MATERIALIZED (
SELECT r.*
FROM "d1 lacking" AS t
JOIN (SELECT t."id" AS "a id", t."part" AS "a part", t."price" AS "a price"
FROM "golden"."a" AS t) AS r ON "r"."a price" = "t"."a price"
UNION ALL
SELECT r.*
FROM "d1 lacking" AS t
JOIN (SELECT t."id" AS "a id", t."part" AS "a part", t."price" AS "a price"
FROM "golden"."a" AS t) AS r ON hash_record_extended(ROW("r"."a price"), 0) = t."key_hash" AND "r"."a price" IS NOT DISTINCT FROM "t"."a price"
WHERE num_nulls("t"."a price") > 0 AND (SELECT bool_or(num_nulls("t"."a price") > 0) FROM "d1 lacking" AS t)
),
"d1 fresh" AS MATERIALIZED (
SELECT "r"."a id", "r"."a part", "r"."a price", r.number > 2 AS "shown"
FROM (
  SELECT r.*, row_number() OVER ordered AS number, rank() OVER ordered AS place
  FROM (
SELECT "m"."a id", "m"."a part", "m"."a price"
FROM "d1 merged" AS m
CROSS JOIN generate_series(1, m.weight)
WHERE NOT EXISTS (SELECT FROM "d1 lacking" AS l WHERE l."key_hash" = hash_record_extended(ROW("m"."a price"), 0) AND "l"."a price" IS NOT DISTINCT FROM "m"."a price")
UNION ALL
SELECT "r"."a id", "r"."a part", "r"."a price"
FROM "d1 restricted" AS r
) AS r
  WINDOW ordered AS (PARTITION BY "r"."a price" ORDER BY "r"."a price" DESC, "r"."a id")
) AS r
WHERE "r".place <= 5
),
"d1 changed" AS MATERIALIZED (
SELECT "d"."a id", "d"."a part", "d"."a price", "d"."shown", d.weight, d.place
FROM (
  SELECT d.*, sum(d.weight) OVER (PARTITION BY "d"."a id", "d"."a part", "d"."a price", "d"."a price"::text COLLATE "C", "d"."shown") AS change,
    row_number() OVER (PARTITION BY "d"."a id", "d"."a part", "d"."a price", "d"."a price"::text COLLATE "C", "d"."shown", d.weight ORDER BY d.place) AS number
  FROM (
    SELECT "n"."a id", "n"."a part", "n"."a price", "n"."shown", 1 AS weight, NULL::tid AS place
    FROM "d1 fresh" AS n
    UNION ALL
    SELECT "s"."a id", "s"."a part", "s"."a price", "s"."shown", -1, s.place
    FROM "d1 reached" AS s
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
INSERT INTO "golden"."state_1_0" ("key_hash", "a id", "a part", "a price", "shown")
SELECT hash_record_extended(ROW("n"."a price"), 0), "n"."a id", "n"."a part", "n"."a price", "n"."shown"
FROM "d1 changed" AS n
WHERE n.weight > 0
RETURNING 1
),
"d1 limit" AS MATERIALIZED (
SELECT "n"."a id", "n"."a part", "n"."a price", n.weight::bigint AS weight
FROM "d1 changed" AS n
WHERE n."shown"
)
TABLE "d1 limit"
