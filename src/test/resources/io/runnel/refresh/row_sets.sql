-- unions of different types
SELECT id FROM row_sets.t UNION ALL SELECT big FROM row_sets.u UNION ALL SELECT n FROM row_sets.t;
SELECT x, count(*) AS c, max(y) AS y FROM (SELECT a AS x, b AS y FROM row_sets.t UNION ALL SELECT big, latin FROM row_sets.u) q GROUP BY x;
SELECT a AS x, b FROM row_sets.t UNION SELECT big, b FROM row_sets.u UNION SELECT 7, NULL;
SELECT q.y, q.y < 'a' AS before FROM (SELECT b AS y FROM row_sets.t UNION ALL SELECT latin FROM row_sets.u) q;
SELECT q.id, v.big FROM (SELECT a AS id FROM row_sets.t UNION ALL SELECT big FROM row_sets.u) q JOIN row_sets.u v ON v.big = q.id;
-- set-returning functions in the SELECT list
SELECT id, unnest(tags) AS tag FROM row_sets.t;
SELECT a, unnest(tags) AS tag, generate_series(1, a) AS g FROM row_sets.t WHERE id > 1 ORDER BY unnest(tags);
SELECT DISTINCT unnest(tags) AS tag, a FROM row_sets.t;
SELECT unnest(tags) AS tag, count(*) AS c, sum(a) AS s FROM row_sets.t GROUP BY unnest(tags);
SELECT a, unnest(array_agg(id ORDER BY id)) AS i, generate_series(1, count(*)) AS g FROM row_sets.t GROUP BY a;
SELECT q.tag, u.b FROM (SELECT id, unnest(tags) AS tag FROM row_sets.t) q JOIN row_sets.u u ON u.b = q.tag;
SELECT id, (jsonb_each(j)).key, (jsonb_each(j)).value FROM row_sets.t WHERE jsonb_typeof(j) = 'object';
-- EXCEPT and INTERSECT
SELECT a, b FROM row_sets.t EXCEPT SELECT a, b FROM row_sets.u;
SELECT a, b FROM row_sets.t EXCEPT ALL SELECT a, b FROM row_sets.u;
SELECT a, b FROM row_sets.t INTERSECT SELECT a, b FROM row_sets.u;
SELECT a, b FROM row_sets.t INTERSECT ALL SELECT a, b FROM row_sets.u;
SELECT a FROM row_sets.t EXCEPT ALL SELECT big FROM row_sets.u;
SELECT a FROM row_sets.t UNION (SELECT a FROM row_sets.u EXCEPT ALL SELECT id FROM row_sets.t) EXCEPT SELECT 2;
SELECT q.b, count(*) AS c FROM (SELECT b, a FROM row_sets.t INTERSECT ALL (SELECT b, a FROM row_sets.u UNION ALL SELECT b, a FROM row_sets.t WHERE id < 5)) q GROUP BY q.b;
SELECT unnest(tags) AS tag FROM row_sets.t EXCEPT ALL SELECT b FROM row_sets.u;
-- functions in FROM
SELECT t.id, g.tag, g.o FROM row_sets.t, unnest(t.tags) WITH ORDINALITY g(tag, o);
SELECT t.id, g.tag FROM row_sets.t LEFT JOIN LATERAL unnest(t.tags) g(tag) ON g.tag <> t.b;
SELECT t.id, count(g.tag) AS c, string_agg(g.tag, ',' ORDER BY g.tag) AS s FROM row_sets.t LEFT JOIN LATERAL unnest(t.tags) g(tag) ON true GROUP BY t.id;
SELECT g.tag, u.a, u.big FROM row_sets.t CROSS JOIN unnest(t.tags) g(tag) JOIN row_sets.u ON u.b = g.tag;
SELECT t.id, u.a, g FROM row_sets.t JOIN row_sets.u ON u.a = t.a, generate_series(u.big, t.id) g WHERE g < 6;
SELECT t.id, e.key, e.value, x.p, x.v FROM row_sets.t, jsonb_each(t.j) e, LATERAL (VALUES ('key', e.key), ('b', t.b)) x(p, v) WHERE jsonb_typeof(t.j) = 'object';
SELECT t.id, r.k, r.l FROM row_sets.t, jsonb_to_recordset(t.j) r(k text, l json) WHERE jsonb_typeof(t.j) = 'array';
SELECT t.a, v.name FROM row_sets.t JOIN (VALUES (1, 'one'), (2, 'two'), (2, 'zwei')) v(a, name) ON v.a = t.a;
SELECT g, t.id FROM generate_series(0, 3) g LEFT JOIN row_sets.t ON t.a = g;
SELECT t.id, x.tag, x.n FROM row_sets.t, ROWS FROM (unnest(t.tags), generate_series(1, t.a)) x(tag, n);
SELECT t.id, y.i, y.o FROM row_sets.t, XMLTABLE('/r/i' PASSING (('<r><i>' || t.id || '</i><i/></r>')::xml) COLUMNS i int PATH 'number(.)' DEFAULT t.a, o FOR ORDINALITY) y WHERE false;
SELECT t.id, y.i, y.o FROM row_sets.t, XMLTABLE('/r/i' PASSING (('<r><i>' || t.id || '</i><i>7</i></r>')::xml) COLUMNS i int PATH '.', o FOR ORDINALITY) y;
SELECT t.id, q.k, q.m FROM row_sets.t, JSON_TABLE(t.j, '$' COLUMNS (k jsonb PATH '$.k', NESTED PATH '$.l[*]' COLUMNS (m jsonb PATH '$'))) q;
SELECT a FROM row_sets.t UNION ALL VALUES (1), (NULL);
VALUES (1, 'a'), (2, NULL);
SELECT q.tag, count(*) AS c FROM (SELECT g.tag FROM row_sets.t, unnest(t.tags) g(tag) EXCEPT ALL SELECT b FROM row_sets.u) q GROUP BY q.tag;
SELECT t.id, h FROM row_sets.t, unnest(t.tags) WITH ORDINALITY g(tag, o), generate_series(1, g.o) h WHERE g.tag = 'a';
-- grouping sets
SELECT a, b, count(*) AS c, sum(n) AS s, max(a) AS m, grouping(a, b) AS g FROM row_sets.t GROUP BY ROLLUP (a, b);
SELECT a, b, count(*) AS c, count(a) AS ca, array_agg(id ORDER BY id) AS ids, count(DISTINCT b) AS d FROM row_sets.t GROUP BY CUBE (a, b);
SELECT a, count(*) AS c FROM row_sets.t GROUP BY GROUPING SETS ((a), (a), (), ());
SELECT t.a, upper(t.b) AS b, u.big, count(*) AS c, avg(t.n) AS m FROM row_sets.t JOIN row_sets.u ON u.a = t.a GROUP BY t.a, GROUPING SETS ((upper(t.b)), (u.big, upper(t.b)), ()) HAVING count(*) > 1 OR grouping(u.big) = 0;
SELECT a, b, count(*) AS c FROM row_sets.t GROUP BY DISTINCT ROLLUP (a, b), ROLLUP (b, a);
SELECT count(*) AS c, sum(a) AS s FROM row_sets.u GROUP BY ();
SELECT grouping(a) AS g, a % 2 AS p, min(b) AS b FROM row_sets.t GROUP BY GROUPING SETS (a % 2, a);
SELECT q.a, count(*) AS c, sum(q.c) AS s FROM (SELECT a, b, count(*) AS c FROM row_sets.t GROUP BY CUBE (a, b)) q GROUP BY q.a;
SELECT tag, count(*) AS c, unnest(array_agg(id ORDER BY id)) AS i FROM row_sets.t, unnest(tags) tag GROUP BY ROLLUP (tag);
SELECT DISTINCT a FROM row_sets.t GROUP BY ROLLUP (a, b);
SELECT 1 AS one FROM row_sets.t HAVING count(*) > 2;
SELECT a FROM row_sets.t GROUP BY ROLLUP (a);
-- recursion
WITH RECURSIVE reach(a, b) AS (SELECT a, b FROM row_sets.edge UNION SELECT r.a, e.b FROM reach r JOIN row_sets.edge e ON e.a = r.b) SELECT a, b FROM reach;
WITH RECURSIVE reach(a, b) AS (SELECT a, b FROM row_sets.edge UNION SELECT r.a, e.b FROM reach r JOIN row_sets.edge e ON e.a = r.b) SELECT r.a, count(*) AS c, count(t.id) AS ts FROM reach r LEFT JOIN row_sets.t ON t.a = r.b GROUP BY r.a;
WITH RECURSIVE walk(a, b, depth) AS (SELECT a, b, 0 FROM row_sets.edge UNION ALL SELECT r.a, e.b, r.depth + 1 FROM walk r, row_sets.edge e WHERE e.a = r.b AND r.depth < 2) SELECT a, b, depth FROM walk;
WITH RECURSIVE walk(a, b) AS (SELECT a, b FROM row_sets.edge WHERE a = 0 UNION ALL SELECT e.a, e.b FROM walk r, (SELECT DISTINCT a, b FROM row_sets.edge WHERE b < 4) e WHERE e.a = r.b) CYCLE a, b SET looped USING way SELECT a, b, looped FROM walk;
WITH RECURSIVE walk(a, b) AS (SELECT DISTINCT a, b FROM row_sets.edge WHERE a = 0 UNION ALL SELECT e.a, e.b FROM walk r, row_sets.edge e WHERE e.a = r.b AND e.b < 3) SEARCH DEPTH FIRST BY a SET o CYCLE b SET looped USING way SELECT DISTINCT a, b, looped FROM walk;
WITH RECURSIVE n(v, g) AS (SELECT n::numeric, 1 FROM row_sets.t UNION ALL SELECT v * 2, g + 1 FROM n WHERE g < 3) SELECT v, g FROM n;
WITH RECURSIVE s(x) AS (SELECT a FROM (SELECT a, count(*) AS c FROM row_sets.t GROUP BY a) q WHERE c > 1 UNION SELECT e.b FROM s JOIN row_sets.edge e ON e.a = s.x JOIN (SELECT a, sum(big) AS big FROM row_sets.u GROUP BY a) u ON u.a = e.b OR u.big > 2) SELECT x FROM s;
SELECT t.id, q.depth FROM row_sets.t JOIN (WITH RECURSIVE d(v, depth) AS (SELECT 0, 0 UNION SELECT e.b, d.depth + 1 FROM d JOIN row_sets.edge e ON e.a = d.v WHERE d.depth < 3) SELECT v, min(depth) AS depth FROM d GROUP BY v) q ON q.v = t.a;
WITH RECURSIVE r AS (SELECT id, tags AS rest, NULL::text AS tag FROM row_sets.t UNION ALL SELECT id, rest[2:], rest[1] FROM r WHERE cardinality(rest) > 0) SELECT tag, count(*) AS c FROM r GROUP BY ROLLUP (tag);
WITH RECURSIVE r(j, d) AS (SELECT j, 0 FROM row_sets.t UNION ALL SELECT e.value, d + 1 FROM r CROSS JOIN LATERAL jsonb_each(CASE WHEN jsonb_typeof(r.j) = 'object' THEN r.j END) e) SELECT j, d FROM r;
-- functions of the enclosing row in subqueries
SELECT id FROM row_sets.t WHERE EXISTS (SELECT 1 FROM unnest(t.tags) x WHERE x > 'a');
SELECT id, (SELECT count(*) FROM unnest(t.tags) x) AS n FROM row_sets.t;
-- outer joins
SELECT t.id, u.big FROM row_sets.t LEFT JOIN row_sets.u ON u.a = t.a AND u.big > 1;
SELECT t.id, u.b AS ub, t.b FROM row_sets.t FULL JOIN row_sets.u USING (a);
SELECT a, count(*) AS c, sum(big) AS s FROM row_sets.t FULL JOIN row_sets.u USING (a) GROUP BY a;
SELECT t.id, u.big FROM row_sets.t LEFT JOIN row_sets.u ON u.a < t.a;
SELECT t.b, count(u.big) AS c, max(u.latin) AS m FROM row_sets.t LEFT JOIN row_sets.u ON u.a = t.a GROUP BY t.b;
SELECT t.id, u.big, e.b FROM row_sets.t LEFT JOIN row_sets.u ON u.a = t.a LEFT JOIN row_sets.edge e ON e.a = u.a WHERE e.b IS NULL OR t.n > 1;
SELECT t.id, q.c FROM row_sets.t LEFT JOIN (SELECT a, count(*) AS c FROM row_sets.u GROUP BY a) q ON q.a = t.a;
SELECT x.id, y.id AS other FROM row_sets.t x FULL JOIN row_sets.t y ON x.a = y.id;
SELECT u.a FROM row_sets.u LEFT JOIN row_sets.u v ON true;
-- subqueries in expressions
SELECT id FROM row_sets.t WHERE EXISTS (SELECT FROM row_sets.u WHERE u.a = t.a AND u.big > t.n);
SELECT id FROM row_sets.t WHERE a NOT IN (SELECT u.a FROM row_sets.u WHERE u.b = t.b);
SELECT a FROM row_sets.t WHERE (a, b) NOT IN (SELECT a, b FROM row_sets.u);
SELECT id, a IN (SELECT u.a FROM row_sets.u) AS x, b <> ALL (SELECT u.b FROM row_sets.u) AS y, n > ANY (SELECT u.big FROM row_sets.u WHERE u.a = t.a) AS z FROM row_sets.t;
SELECT id, (SELECT count(*) FROM row_sets.u WHERE u.a = t.a) AS c, (SELECT max(big) + t.id FROM row_sets.u WHERE u.a < t.a) AS m FROM row_sets.t;
SELECT u.a, (SELECT t.b || u.b FROM row_sets.t WHERE t.id = u.a) AS x FROM row_sets.u;
SELECT a, ARRAY(SELECT u.big FROM row_sets.u WHERE u.a = t.a ORDER BY u.big, u.b) AS x FROM row_sets.t;
SELECT a, sum((SELECT count(*) FROM row_sets.u WHERE u.a = t.a)) AS c FROM row_sets.t GROUP BY a HAVING count(*) >= (SELECT count(*) FROM row_sets.edge e WHERE e.a = t.a);
SELECT id FROM row_sets.t WHERE n > (SELECT avg(n) FROM row_sets.t x WHERE x.a = t.a) OR EXISTS (SELECT FROM row_sets.u WHERE u.b = t.b AND NOT EXISTS (SELECT FROM row_sets.edge e WHERE e.a = u.a AND e.b = t.a));
SELECT id FROM row_sets.t WHERE (a, b) = (SELECT u.a, max(u.b) FROM row_sets.u WHERE u.a = t.a GROUP BY u.a);
SELECT t.id FROM row_sets.t JOIN row_sets.u ON u.a = t.a AND u.big IN (SELECT e.b FROM row_sets.edge e);
-- LATERAL queries
SELECT t.id, q.c, q.m FROM row_sets.t, LATERAL (SELECT count(*) AS c, max(big) AS m FROM row_sets.u WHERE u.a = t.a) q;
SELECT t.id, q.b, q.c FROM row_sets.t LEFT JOIN LATERAL (SELECT u.b, count(*) AS c FROM row_sets.u WHERE u.a <= t.a GROUP BY u.b) q ON q.c > 1;
SELECT t.id, q.x FROM row_sets.t, LATERAL (SELECT u.big AS x FROM row_sets.u WHERE u.a = t.a UNION SELECT e.b FROM row_sets.edge e WHERE e.a = t.a) q;
SELECT t.id, q.d, r.e FROM row_sets.t, LATERAL (SELECT t.a + 1 AS d) q, LATERAL (SELECT count(*) AS e FROM row_sets.edge e WHERE e.a = q.d) r;
SELECT t.id, q.big, q.b FROM row_sets.t LEFT JOIN LATERAL (SELECT u.big, u.b FROM row_sets.u WHERE u.a = t.a ORDER BY u.big DESC NULLS LAST, u.b, u.latin LIMIT 2) q ON true;
SELECT t.id, (SELECT e.b FROM row_sets.edge e WHERE e.a <= t.a ORDER BY e.b DESC NULLS LAST LIMIT 1) AS x FROM row_sets.t;
SELECT t.id, q.b, q.r FROM row_sets.t, LATERAL (SELECT e.b, rank() OVER (ORDER BY e.b) AS r FROM row_sets.edge e WHERE e.a = t.a) q;
-- equal values that print differently
SELECT t.id, q.x FROM (SELECT id, CASE WHEN id % 2 = 0 THEN n ELSE n::numeric(8,3) END AS n, a FROM row_sets.t) t, LATERAL (SELECT t.n || coalesce(u.b, '-') AS x FROM row_sets.u WHERE u.a < t.a) q;
-- joins of more changed inputs than alternating terms are made for
SELECT t.id, u.b, v.id AS i2, w.a AS a2, x.b AS b3, y.big, z.n FROM row_sets.t JOIN row_sets.u ON u.a = t.a JOIN row_sets.t v ON v.id = t.id + 1 JOIN row_sets.u w ON w.b = v.b JOIN row_sets.t x ON x.a = w.a JOIN row_sets.u y ON y.a = x.id JOIN row_sets.t z ON z.id = x.id WHERE t.id < 6;
SELECT t.id, p.c, q.s, r.m, s.n, v.b, w.c AS c2, x.b AS b2 FROM row_sets.t JOIN (SELECT a, count(*) AS c FROM row_sets.t GROUP BY a) p ON p.a = t.a JOIN (SELECT a, sum(big) AS s FROM row_sets.u GROUP BY a) q ON q.a = p.a JOIN (SELECT b, max(id) AS m FROM row_sets.t GROUP BY b) r ON r.b = t.b JOIN (SELECT b, count(DISTINCT a) AS n FROM row_sets.u GROUP BY b) s ON s.b = r.b JOIN (SELECT DISTINCT a, b FROM row_sets.u) v ON v.a = q.a JOIN (SELECT id, count(*) AS c FROM row_sets.t GROUP BY id) w ON w.id = t.id JOIN (SELECT DISTINCT b FROM row_sets.t) x ON x.b = r.b;
SELECT t.id, p.c, u.big FROM row_sets.t LEFT JOIN (SELECT a, count(*) AS c FROM row_sets.u GROUP BY a) p ON p.a = t.a FULL JOIN (SELECT DISTINCT big FROM row_sets.u) u ON u.big = t.id;
SELECT p.a, p.c, p.c IN (SELECT q.id FROM (SELECT id, row_number() OVER (PARTITION BY a ORDER BY id) AS r FROM row_sets.t) q WHERE q.r < 3) AS is_in FROM (SELECT a, count(*) AS c FROM row_sets.u GROUP BY a) p;
SELECT t.id, t.id IN (SELECT q.s FROM (SELECT a, sum(big) AS s FROM row_sets.u GROUP BY a) q JOIN row_sets.u v ON v.a = q.a WHERE v.big <> t.a) AS is_in FROM row_sets.t;
SELECT q.b, q.m, max(q.m) OVER (PARTITION BY q.b) AS most FROM (SELECT b, a, max(id) AS m FROM row_sets.t GROUP BY b, a) q;
SELECT q.b, string_agg(q.m::text, ',' ORDER BY q.m) AS ms FROM (SELECT b, a, max(id) AS m FROM row_sets.t GROUP BY b, a) q GROUP BY q.b;
SELECT t.id, l.m, l.n FROM row_sets.t, LATERAL (SELECT q.m, q.n FROM (SELECT a, max(big) AS m, count(*) AS n FROM row_sets.u GROUP BY a) q WHERE q.a = t.a ORDER BY q.m LIMIT 2) l;
-- whole rows as values
SELECT id, to_jsonb(t) AS j FROM row_sets.t;
SELECT a, jsonb_agg(t ORDER BY t.id) AS j, count(t) AS c FROM row_sets.t GROUP BY a;
SELECT t.id, row_to_json(u)::text AS j FROM row_sets.t JOIN row_sets.u ON u.a = t.a;
SELECT u.a, u.big, to_jsonb(t) AS j, t IS NULL AS missing FROM row_sets.u LEFT JOIN row_sets.t ON t.a = u.a;
SELECT u.a, count(t) AS c, jsonb_agg(t ORDER BY t.id) FILTER (WHERE t.id > 3) AS j FROM row_sets.u LEFT JOIN row_sets.t ON t.a = u.a GROUP BY u.a;
SELECT t.id, to_jsonb(t) AS j, count(u.a) AS c FROM row_sets.t LEFT JOIN row_sets.u ON u.a = t.a GROUP BY t.id;
SELECT t.id, (SELECT jsonb_agg(x ORDER BY x.big, x.b) FROM (SELECT u.big, u.b FROM row_sets.u WHERE u.a = t.a) x) AS us FROM row_sets.t;
SELECT t.id, to_jsonb(q) AS j FROM row_sets.t, LATERAL (SELECT count(*) AS c, max(u.big) AS "Most" FROM row_sets.u WHERE u.a = t.a) q;
WITH c AS (SELECT a, count(*) AS runnel_row FROM row_sets.u GROUP BY a) SELECT to_jsonb(c) AS j FROM c UNION ALL SELECT to_jsonb(x) FROM (SELECT b FROM row_sets.t) x;
SELECT t.id, v.a AS w FROM row_sets.t JOIN row_sets.t v ON t = v;
SELECT t.id, (SELECT count(*) FROM row_sets.u WHERE u.a = t.a AND to_jsonb(t) ->> 'b' < u.b) AS c FROM row_sets.t;
SELECT r.i, r::text AS s FROM row_sets.t AS r (i, "B");
SELECT max(t::text) AS m, md5(string_agg(t::text, '|' ORDER BY t.id)) AS h FROM row_sets.t;
SELECT a, to_jsonb(t) -> 'b' AS b, count(*) AS c FROM row_sets.t GROUP BY a, to_jsonb(t) -> 'b';
