WITH "d0 changes" AS MATERIALIZED (
SELECT b."id" AS "b id", b."label" AS "b label", b.weight
FROM "golden"."changes_b" AS b
WHERE b.xid >= pg_snapshot_xmin($1::pg_snapshot) AND b.xid < pg_snapshot_xmax(pg_current_snapshot())
  AND NOT pg_visible_in_snapshot(b.xid, $1::pg_snapshot)
UNION ALL
SELECT NULL, NULL, NULL
FROM generate_series(1, 1000)
WHERE $1::pg_snapshot IS NULL
),
"d0 scan" AS MATERIALIZED (
SELECT d."b id", d."b label", sum(d.weight)::bigint AS weight
FROM (
  SELECT *
  FROM "d0 changes" AS b
  LIMIT 1000
) AS d
GROUP BY "d"."b id", "d"."b label"
HAVING sum(d.weight) <> 0
),
"d1 changes" AS MATERIALIZED (
SELECT b."id" AS "a id", b."part" AS "a part", b."price" AS "a price", b.weight
FROM "golden"."changes_a" AS b
WHERE b.xid >= pg_snapshot_xmin($1::pg_snapshot) AND b.xid < pg_snapshot_xmax(pg_current_snapshot())
  AND NOT pg_visible_in_snapshot(b.xid, $1::pg_snapshot)
UNION ALL
SELECT NULL, NULL, NULL, NULL
FROM generate_series(1, 1000)
WHERE $1::pg_snapshot IS NULL
),
"d1 scan" AS MATERIALIZED (
SELECT d."a id", d."a part", d."a price", sum(d.weight)::bigint AS weight
FROM (
  SELECT *
  FROM "d1 changes" AS b
  LIMIT 1000
) AS d
GROUP BY "d"."a id", "d"."a part", "d"."a price", "d"."a price"::text COLLATE "C"
HAVING sum(d.weight) <> 0
),
"d2 net" AS MATERIALIZED (
SELECT d."a id", d."a part", d."a price", sum(d.weight)::bigint AS weight
FROM "d1 scan" AS d
GROUP BY "d"."a id", "d"."a part", "d"."a price", "d"."a price"::text COLLATE "C"
HAVING sum(d.weight) <> 0
),
"d2 touched" AS MATERIALIZED (
SELECT hash_record_extended(ROW("d"."a part"), 0) AS "key_hash", "d"."a part"
FROM "d2 net" AS d
GROUP BY "d"."a part"
),
"d2 stored" AS MATERIALIZED (
SELECT s.*, s.ctid AS place, row_number() OVER (PARTITION BY "s"."a part" ORDER BY "s"."a price" DESC, "s"."a id") AS number
FROM "d2 touched" AS t
JOIN "golden"."state_2_0" AS s ON s."key_hash" = t."key_hash" AND "s"."a part" IS NOT DISTINCT FROM "t"."a part"
),
"d2 reach" AS MATERIALIZED (
SELECT "d"."a id", "d"."a part", "d"."a price", d.weight
FROM (
  SELECT d.*, max(d.number) FILTER (WHERE d.boundary) OVER (PARTITION BY "d"."a part") AS reach
  FROM (
    SELECT d.*, rank() OVER (PARTITION BY "d"."a part" ORDER BY "d"."a price" DESC, "d"."a id") AS number
    FROM (
      SELECT "d"."a id", "d"."a part", "d"."a price", d.weight, false AS boundary
      FROM "d2 net" AS d
      UNION ALL
      SELECT "s"."a id", "s"."a part", "s"."a price", 0, true
      FROM "d2 stored" AS s
      WHERE s.number = 1
    ) AS d
  ) AS d
) AS d
WHERE NOT d.boundary AND (d.reach IS NULL OR d.number <= d.reach)
),
"d2 reached" AS MATERIALIZED (
SELECT s.*
FROM "d2 stored" AS s
WHERE EXISTS (SELECT FROM "d2 reach")
),
"d2 merged" AS MATERIALIZED (
SELECT d.*
FROM (
SELECT d."a id", d."a part", d."a price", sum(d.weight)::bigint AS weight
FROM (
  SELECT "s"."a id", "s"."a part", "s"."a price", 1::bigint AS weight
  FROM "d2 reached" AS s
  UNION ALL
  SELECT "d"."a id", "d"."a part", "d"."a price", d.weight
  FROM "d2 reach" AS d
) AS d
GROUP BY "d"."a id", "d"."a part", "d"."a price", "d"."a price"::text COLLATE "C"
HAVING sum(d.weight) <> 0
) AS d
WHERE d.weight > 0
),
"d2 lacking" AS MATERIALIZED (
SELECT hash_record_extended(ROW("d"."a part"), 0) AS "key_hash", "d"."a part"
FROM (
  SELECT "d"."a part"
  FROM (
    SELECT "m"."a part", m.weight, false AS boundary
    FROM "d2 merged" AS m
    UNION ALL
    SELECT "s"."a part", 0, true
    FROM "d2 reached" AS s
    WHERE s.number = 1
  ) AS d
  GROUP BY "d"."a part"
  HAVING bool_or(d.boundary) AND sum(d.weight) < 1
) AS d
GROUP BY "d"."a part"
),
"d2 restricted" AS MATERIALIZED (
SELECT r.*
FROM "d2 lacking" AS t
JOIN (SELECT t."id" AS "a id", t."part" AS "a part", t."price" AS "a price"
FROM "golden"."a" AS t) AS r ON "r"."a part" = "t"."a part"
UNION ALL
SELECT r.*
FROM "d2 lacking" AS t
JOIN (SELECT t."id" AS "a id", t."part" AS "a part", t."price" AS "a price"
FROM "golden"."a" AS t) AS r ON hash_record_extended(ROW("r"."a part"), 0) = t."key_hash" AND "r"."a part" IS NOT DISTINCT FROM "t"."a part"
WHERE num_nulls("t"."a part") > 0 AND (SELECT bool_or(num_nulls("t"."a part") > 0) FROM "d2 lacking" AS t)
),
"d2 fresh" AS MATERIALIZED (
SELECT "r"."a id", "r"."a part", "r"."a price", r.number > 0 AS "shown"
FROM (
  SELECT r.*, row_number() OVER ordered AS number, rank() OVER ordered AS place
  FROM (
SELECT "m"."a id", "m"."a part", "m"."a price"
FROM "d2 merged" AS m
CROSS JOIN generate_series(1, m.weight)
WHERE NOT EXISTS (SELECT FROM "d2 lacking" AS l WHERE l."key_hash" = hash_record_extended(ROW("m"."a part"), 0) AND "l"."a part" IS NOT DISTINCT FROM "m"."a part")
UNION ALL
SELECT "r"."a id", "r"."a part", "r"."a price"
FROM "d2 restricted" AS r
) AS r
  WINDOW ordered AS (PARTITION BY "r"."a part" ORDER BY "r"."a price" DESC, "r"."a id")
) AS r
WHERE "r".number <= 1
),
"d2 changed" AS MATERIALIZED (
SELECT "d"."a id", "d"."a part", "d"."a price", "d"."shown", d.weight, d.place
FROM (
  SELECT d.*, sum(d.weight) OVER (PARTITION BY "d"."a id", "d"."a part", "d"."a price", "d"."a price"::text COLLATE "C", "d"."shown") AS change,
    row_number() OVER (PARTITION BY "d"."a id", "d"."a part", "d"."a price", "d"."a price"::text COLLATE "C", "d"."shown", d.weight ORDER BY d.place) AS number
  FROM (
    SELECT "n"."a id", "n"."a part", "n"."a price", "n"."shown", 1 AS weight, NULL::tid AS place
    FROM "d2 fresh" AS n
    UNION ALL
    SELECT "s"."a id", "s"."a part", "s"."a price", "s"."shown", -1, s.place
    FROM "d2 reached" AS s
  ) AS d
) AS d
WHERE sign(d.change) = d.weight AND d.number <= abs(d.change)
),
"d2 removed" AS (
DELETE FROM "golden"."state_2_0" AS s
USING "d2 changed" AS n
WHERE s.ctid = n.place
RETURNING 1
),
"d2 added" AS (
INSERT INTO "golden"."state_2_0" ("key_hash", "a id", "a part", "a price", "shown")
SELECT hash_record_extended(ROW("n"."a part"), 0), "n"."a id", "n"."a part", "n"."a price", "n"."shown"
FROM "d2 changed" AS n
WHERE n.weight > 0
RETURNING 1
),
"d2 limit" AS MATERIALIZED (
SELECT "n"."a id", "n"."a part", "n"."a price", n.weight::bigint AS weight
FROM "d2 changed" AS n
WHERE n."shown"
),
"d3 join" AS MATERIALIZED (
SELECT "r1"."b id", "r1"."b label", "r2"."a id", "r2"."a part", "r2"."a price", "r1".weight AS weight
FROM "d0 scan" AS "r1", (SELECT "n"."a id", "n"."a part", "n"."a price"
FROM "golden"."state_2_0" AS n
WHERE n."shown") AS "r2"
WHERE "r2"."a part" = "r1"."b id"
UNION ALL
SELECT "r1"."b id", "r1"."b label", "r2"."a id", "r2"."a part", "r2"."a price", "r2".weight AS weight
FROM "d2 limit" AS "r2", (SELECT t."id" AS "b id", t."label" AS "b label"
FROM "golden"."b" AS t) AS "r1"
WHERE "r2"."a part" = "r1"."b id"
)
TABLE "d3 join"
