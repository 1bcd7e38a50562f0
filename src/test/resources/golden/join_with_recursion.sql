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
SELECT b."id" AS "b id", b.weight
FROM "golden"."changes_b" AS b
WHERE b.xid >= pg_snapshot_xmin($1::pg_snapshot) AND b.xid < pg_snapshot_xmax(pg_current_snapshot())
  AND NOT pg_visible_in_snapshot(b.xid, $1::pg_snapshot)
UNION ALL
SELECT NULL, NULL
FROM generate_series(1, 1000)
WHERE $1::pg_snapshot IS NULL
),
"d1 scan" AS MATERIALIZED (
SELECT d."b id", sum(d.weight)::bigint AS weight
FROM (
  SELECT *
  FROM "d1 changes" AS b
  LIMIT 1000
) AS d
GROUP BY "d"."b id"
HAVING sum(d.weight) <> 0
),
"d6 seed" AS MATERIALIZED (
SELECT d."b id", sum(d.weight)::bigint AS weight
FROM (
SELECT r."b id" AS "b id", r.weight
FROM "d1 scan" AS r
) AS d
GROUP BY "d"."b id"
HAVING sum(d.weight) <> 0
),
"d6 shrinks" AS MATERIALIZED (
SELECT count(*) > 0 AS shrinks
FROM "d6 seed" AS d
WHERE d.weight < 0
),
"d6 grown" AS MATERIALIZED (
WITH RECURSIVE "tree" ("b id") AS (
SELECT "r"."b id"
FROM "d6 seed" AS r, generate_series(1, r.weight)
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
LIMIT CASE WHEN (SELECT s.shrinks FROM "d6 shrinks" AS s) THEN 10001 END
),
"d6 lost" AS MATERIALIZED (
WITH RECURSIVE "tree" ("b id") AS (
SELECT "r"."b id"
FROM "d6 seed" AS r, generate_series(1, -r.weight)
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
LIMIT CASE WHEN (SELECT s.shrinks FROM "d6 shrinks" AS s) THEN 10001 END
),
"d6 anew" AS MATERIALIZED (
SELECT (SELECT count(*) FROM "d6 lost") > 10000 OR ((SELECT count(*) FROM "d6 grown") > 10000 AND (SELECT s.shrinks FROM "d6 shrinks" AS s)) AS anew
),
"d6 fresh" AS MATERIALIZED (
WITH RECURSIVE "tree" ("b id") AS (
SELECT "r"."b id"
FROM (SELECT t."id" AS "b id"
FROM "golden"."b" AS t) AS r
WHERE (SELECT a.anew FROM "d6 anew" AS a)
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
"d6 net" AS MATERIALIZED (
SELECT d."b id", sum(d.weight)::bigint AS weight
FROM (
SELECT "r"."b id", 1::bigint AS weight
FROM "d6 fresh" AS r
UNION ALL
SELECT "r"."b id", (-1)::bigint AS weight
FROM "golden"."state_6_0" AS r
WHERE (SELECT a.anew FROM "d6 anew" AS a)
UNION ALL
SELECT "r"."b id", (1)::bigint AS weight
FROM "d6 grown" AS r
WHERE NOT (SELECT a.anew FROM "d6 anew" AS a)
UNION ALL
SELECT "r"."b id", (-1)::bigint AS weight
FROM "d6 lost" AS r
WHERE NOT (SELECT a.anew FROM "d6 anew" AS a)
) AS d
GROUP BY "d"."b id"
HAVING sum(d.weight) <> 0
),
"d6 gone" AS MATERIALIZED (
SELECT n.*, row_number() OVER () AS number, hash_record_extended(ROW("n"."b id"), 0) AS "key_hash"
FROM "d6 net" AS n
WHERE n.weight < 0
),
"d6 places" AS MATERIALIZED (
SELECT s.place
FROM "d6 gone" AS n
CROSS JOIN LATERAL (SELECT s.ctid AS place FROM "golden"."state_6_0" AS s WHERE s."key_hash" = n."key_hash" AND "s"."b id" IS NOT DISTINCT FROM "n"."b id" LIMIT -n.weight) AS s
),
"d6 removed" AS (
DELETE FROM "golden"."state_6_0" AS t
WHERE t.ctid = ANY (ARRAY(SELECT n.place FROM "d6 places" AS n))
RETURNING 1
),
"d6 added" AS (
INSERT INTO "golden"."state_6_0" ("key_hash", "b id")
SELECT hash_record_extended(ROW("n"."b id"), 0), "n"."b id"
FROM "d6 net" AS n, generate_series(1, n.weight)
WHERE n.weight > 0
RETURNING 1
),
"d6 recursion" AS MATERIALIZED (
SELECT r."b id" AS "result", r.weight
FROM "d6 net" AS r
),
"d7 join" AS MATERIALIZED (
SELECT "r1"."b id", "r1"."b label", "r2"."result", "r1".weight AS weight
FROM "d0 scan" AS "r1", (SELECT r."b id" AS "result"
FROM "golden"."state_6_0" AS r) AS "r2"
UNION ALL
SELECT "r1"."b id", "r1"."b label", "r2"."result", "r2".weight AS weight
FROM "d6 recursion" AS "r2", (SELECT t."id" AS "b id", t."label" AS "b label"
FROM "golden"."b" AS t) AS "r1"
)
TABLE "d7 join"
