WITH "d2 changes" AS MATERIALIZED (
SELECT b."id" AS "a id", b."part" AS "a part", b.weight
FROM "golden"."changes_a" AS b
WHERE b.xid >= pg_snapshot_xmin($1::pg_snapshot) AND b.xid < pg_snapshot_xmax(pg_current_snapshot())
  AND NOT pg_visible_in_snapshot(b.xid, $1::pg_snapshot)
UNION ALL
SELECT NULL, NULL, NULL
FROM generate_series(1, 1000)
WHERE $1::pg_snapshot IS NULL
),
"d2 scan" AS MATERIALIZED (
SELECT d."a id", d."a part", sum(d.weight)::bigint AS weight
FROM (
  SELECT *
  FROM "d2 changes" AS b
  LIMIT 1000
) AS d
GROUP BY "d"."a id", "d"."a part"
HAVING sum(d.weight) <> 0
),
"d3 join" AS MATERIALIZED (
SELECT "r1"."reached", "r2"."a id", "r2"."a part", "r2".weight AS weight
FROM "d2 scan" AS "r2", (SELECT r."b id" AS "reached"
FROM "golden"."state_5_0" AS r) AS "r1"
WHERE "r2"."a part" = "r1"."reached"
),
"d4 projection" AS MATERIALIZED (
SELECT "r"."a id" AS "next", r.weight AS weight
FROM "d3 join" AS r
),
"d5 seed" AS MATERIALIZED (
SELECT d."b id", sum(d.weight)::bigint AS weight
FROM (
SELECT r."next" AS "b id", r.weight
FROM "d4 projection" AS r
) AS d
GROUP BY "d"."b id"
HAVING sum(d.weight) <> 0
),
"d5 shrinks" AS MATERIALIZED (
SELECT count(*) > 0 AS shrinks
FROM "d5 seed" AS d
WHERE d.weight < 0
),
"d5 grown" AS MATERIALIZED (
WITH RECURSIVE "tree" ("b id") AS (
SELECT "r"."b id"
FROM "d5 seed" AS r, generate_series(1, r.weight)
WHERE r.weight > 0
UNION ALL
SELECT "r"."next"
FROM (SELECT "r"."a id" AS "next"
FROM (SELECT "r1"."reached", "r2"."a id", "r2"."a part"
FROM (SELECT r."b id" AS "reached"
FROM "tree" AS r) AS "r1", (SELECT t."id" AS "a id", t."part" AS "a part"
FROM "golden"."a" AS t) AS "r2"
WHERE "r2"."a part" = "r1"."reached") AS r) AS r
)
SELECT "r"."b id"
FROM "tree" AS r
LIMIT CASE WHEN (SELECT s.shrinks FROM "d5 shrinks" AS s) THEN 10001 END
),
"d5 lost" AS MATERIALIZED (
WITH RECURSIVE "tree" ("b id") AS (
SELECT "r"."b id"
FROM "d5 seed" AS r, generate_series(1, -r.weight)
WHERE r.weight < 0
UNION ALL
SELECT "r"."next"
FROM (SELECT "r"."a id" AS "next"
FROM (SELECT "r1"."reached", "r2"."a id", "r2"."a part"
FROM (SELECT r."b id" AS "reached"
FROM "tree" AS r) AS "r1", (SELECT t."id" AS "a id", t."part" AS "a part"
FROM "golden"."a" AS t) AS "r2"
WHERE "r2"."a part" = "r1"."reached") AS r) AS r
)
SELECT "r"."b id"
FROM "tree" AS r
LIMIT CASE WHEN (SELECT s.shrinks FROM "d5 shrinks" AS s) THEN 10001 END
),
"d5 anew" AS MATERIALIZED (
SELECT (SELECT count(*) FROM "d5 lost") > 10000 OR ((SELECT count(*) FROM "d5 grown") > 10000 AND (SELECT s.shrinks FROM "d5 shrinks" AS s)) AS anew
),
"d5 fresh" AS MATERIALIZED (
WITH RECURSIVE "tree" ("b id") AS (
SELECT "r"."b id"
FROM (SELECT t."id" AS "b id"
FROM "golden"."b" AS t) AS r
WHERE (SELECT a.anew FROM "d5 anew" AS a)
UNION ALL
SELECT "r"."next"
FROM (SELECT "r"."a id" AS "next"
FROM (SELECT "r1"."reached", "r2"."a id", "r2"."a part"
FROM (SELECT r."b id" AS "reached"
FROM "tree" AS r) AS "r1", (SELECT t."id" AS "a id", t."part" AS "a part"
FROM "golden"."a" AS t) AS "r2"
WHERE "r2"."a part" = "r1"."reached") AS r) AS r
)
SELECT "r"."b id"
FROM "tree" AS r
),
"d5 net" AS MATERIALIZED (
SELECT d."b id", sum(d.weight)::bigint AS weight
FROM (
SELECT "r"."b id", 1::bigint AS weight
FROM "d5 fresh" AS r
UNION ALL
SELECT "r"."b id", (-1)::bigint AS weight
FROM "golden"."state_5_0" AS r
WHERE (SELECT a.anew FROM "d5 anew" AS a)
UNION ALL
SELECT "r"."b id", (1)::bigint AS weight
FROM "d5 grown" AS r
WHERE NOT (SELECT a.anew FROM "d5 anew" AS a)
UNION ALL
SELECT "r"."b id", (-1)::bigint AS weight
FROM "d5 lost" AS r
WHERE NOT (SELECT a.anew FROM "d5 anew" AS a)
) AS d
GROUP BY "d"."b id"
HAVING sum(d.weight) <> 0
),
"d5 gone" AS MATERIALIZED (
SELECT n.*, row_number() OVER () AS number, hash_record_extended(ROW("n"."b id"), 0) AS "key_hash"
FROM "d5 net" AS n
WHERE n.weight < 0
),
"d5 places" AS MATERIALIZED (
SELECT s.place
FROM "d5 gone" AS n
CROSS JOIN LATERAL (SELECT s.ctid AS place FROM "golden"."state_5_0" AS s WHERE s."key_hash" = n."key_hash" AND "s"."b id" IS NOT DISTINCT FROM "n"."b id" LIMIT -n.weight) AS s
),
"d5 removed" AS (
DELETE FROM "golden"."state_5_0" AS t
WHERE t.ctid = ANY (ARRAY(SELECT n.place FROM "d5 places" AS n))
RETURNING 1
),
"d5 added" AS (
INSERT INTO "golden"."state_5_0" ("key_hash", "b id")
SELECT hash_record_extended(ROW("n"."b id"), 0), "n"."b id"
FROM "d5 net" AS n, generate_series(1, n.weight)
WHERE n.weight > 0
RETURNING 1
),
"d5 recursion" AS MATERIALIZED (
SELECT r."b id" AS "result", r.weight
FROM "d5 net" AS r
)
TABLE "d5 recursion"
