CREATE TYPE public.address AS (street text, "zip.code" int);
CREATE TYPE public.mood AS ENUM ('sad', 'glad');
CREATE DOMAIN public.amount AS numeric(12, 2);
CREATE TABLE public.customers (
    id int PRIMARY KEY, name text, region text, vip boolean, home public.address, tags text[], note jsonb, feeling public.mood);
CREATE TABLE public.orders (
    id bigint PRIMARY KEY, customer_id int, amount public.amount, price numeric, quantity int, ordered_at timestamptz,
    "Order.No ""x""" text, weight float8, code varchar(10), fixed char(5));
CREATE TABLE public.items (order_id bigint, product_id int, quantity int, "select" int, día date);
CREATE TABLE public.products (id int PRIMARY KEY, name text, region text, parent_id int);
CREATE TABLE public.gone (a int, dropped int, b int);
ALTER TABLE public.gone DROP COLUMN dropped;
CREATE TABLE public.public (public int, count int, t int);
CREATE VIEW public.vip_customers AS SELECT id, name AS label, region FROM public.customers WHERE vip;
CREATE VIEW public.region_totals (region, total, orders) AS
    SELECT c.region, sum(o.amount), count(*) FROM public.vip_customers c JOIN public.orders o ON o.customer_id = c.id GROUP BY 1;
CREATE VIEW public.limited AS SELECT id FROM public.customers ORDER BY id LIMIT 3;
CREATE FUNCTION public.double(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 * 2';
CREATE FUNCTION public.count(jsonb) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT length($1::text)';
CREATE FUNCTION public.pick(first int, second int DEFAULT 2) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $2';
CREATE AGGREGATE public."Total"(int) (SFUNC = int4pl, STYPE = int, INITCOND = '0');
CREATE FUNCTION public.same(int, int) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT $1 = $2';
CREATE OPERATOR public.=== (LEFTARG = int, RIGHTARG = int, FUNCTION = public.same);
INSERT INTO public.customers
    SELECT i, 'c' || i % 4, (ARRAY['north', 'south', NULL])[1 + i % 3], i % 2 = 0, ROW('s' || i % 3, i % 4)::public.address,
           ARRAY['x', 'y' || i % 2], jsonb_build_object('k', i % 3), (ARRAY['sad', 'glad', NULL])[1 + i % 3]::public.mood
    FROM generate_series(1, 12) i;
INSERT INTO public.orders
    SELECT i, nullif(1 + i % 14, 14), (i % 5) * 1.5, i % 4, nullif(i % 6, 0), timestamptz '2024-01-01 10:00 UTC' + i * interval '9 hours',
           'no' || i % 3, i % 3, 'k' || i % 3, 'f' || i % 2
    FROM generate_series(1, 40) i;
INSERT INTO public.items
    SELECT nullif(i % 20, 0), i % 7, i % 3, nullif(i % 4, 0), date '2024-01-01' + i % 9 FROM generate_series(1, 60) i;
INSERT INTO public.items SELECT * FROM public.items LIMIT 10;
INSERT INTO public.products SELECT i, 'p' || i % 3, (ARRAY['north', 'south', NULL])[1 + i % 3], nullif(i / 2, 0) FROM generate_series(0, 6) i;
INSERT INTO public.gone SELECT i % 3, i % 2 FROM generate_series(1, 9) i;
INSERT INTO public.public SELECT i % 3, i % 2, i FROM generate_series(1, 9) i;
