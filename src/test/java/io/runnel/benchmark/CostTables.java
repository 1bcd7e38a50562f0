package io.runnel.benchmark;

import java.sql.SQLException;

/** The tables of {@link CostQueries}, and changes to them. */
final class CostTables {
    private static final String[] TABLES = {
        "CREATE TABLE regions (id bigint PRIMARY KEY, name text)",
        "CREATE TABLE tiers (tier text PRIMARY KEY, low numeric, high numeric)",
        "CREATE TABLE customers (id bigint PRIMARY KEY, name text NOT NULL, region_id bigint NOT NULL,"
                + " friend_id bigint NOT NULL, credit int NOT NULL)",
        "CREATE TABLE products (id bigint PRIMARY KEY, category text NOT NULL)",
        "CREATE TABLE blocked (customer_id bigint PRIMARY KEY)",
        "CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint NOT NULL, previous_id bigint,"
                + " status text NOT NULL, amount numeric(12,2) NOT NULL, ordered_at timestamptz NOT NULL, tags text)",
        "CREATE TABLE items (id bigint PRIMARY KEY, order_id bigint NOT NULL, product_id bigint NOT NULL,"
                + " quantity int NOT NULL)",
        "CREATE TABLE parts (id bigint PRIMARY KEY, parent_id bigint)"
    };
    private static final String[] INDEXES = {
        "customers (region_id)",
        "customers (friend_id)",
        "orders (customer_id)",
        "orders (previous_id)",
        "orders (amount DESC, id)",
        "orders (ordered_at)",
        "items (order_id)",
        "items (product_id)",
        "parts (parent_id)"
    };

    private final BenchmarkSession session;
    private final int rows;
    private int cycle;
    private long nextId;

    CostTables(BenchmarkSession session, int rows) {
        this.session = session;
        this.rows = rows;
        this.nextId = rows + 1L;
    }

    void load() throws SQLException {
        session.run("DROP TABLE IF EXISTS regions, tiers, customers, products, blocked, orders, items, parts CASCADE");
        for (String table : TABLES) {
            session.run(table);
        }
        session.run("INSERT INTO regions SELECT i, 'region ' || i FROM generate_series(0, 49) AS i");
        session.run("INSERT INTO tiers SELECT 'tier ' || i, i * 100, i * 100 + 100 FROM generate_series(0, 10) AS i");
        int tenth = rows / 10;
        session.run("INSERT INTO customers SELECT i, 'customer ' || i, i % 50, i * 7 % " + tenth
                + " + 1, i % 1000 FROM generate_series(1, " + tenth + ") AS i");
        session.run("INSERT INTO products SELECT i, 'category ' || i % 20 FROM generate_series(1, " + tenth + ") AS i");
        session.run("INSERT INTO blocked SELECT i * 100 FROM generate_series(1, " + rows / 1000 + ") AS i");
        insertOrders(1, rows);
        insertItems(1, rows);
        session.run("INSERT INTO parts SELECT i, CASE WHEN i % 10 > 0 THEN i - 1 END FROM generate_series(1, " + rows
                + ") AS i");
        for (String index : INDEXES) {
            session.run("CREATE INDEX ON " + index);
        }
        session.run("VACUUM ANALYZE");
    }

    private void insertOrders(long first, long last) throws SQLException {
        session.run("INSERT INTO orders SELECT i, i * 7919 % " + rows / 10 + " + 1, i - 1,"
                + " (ARRAY['new', 'paid', 'sent', 'done'])[i % 4 + 1], (i * 7919 % 100000) / 100.0,"
                + " now() - make_interval(mins => (i % 100000)::int), 'a' || i % 7 || ',b' FROM generate_series("
                + first + "::bigint, " + last + ") AS i");
    }

    private void insertItems(long first, long last) throws SQLException {
        session.run("INSERT INTO items SELECT i, i * 31 % " + rows + " + 1, i * 17 % " + rows / 10
                + " + 1, i % 10 FROM generate_series(" + first + "::bigint, " + last + ") AS i");
    }

    /** Changes about as many rows as given, spread over the tables: updates of keys and of values, deletes, new rows. */
    void change(int changed) throws SQLException {
        cycle++;
        int fifth = Math.max(1, changed / 5);
        int tenth = Math.max(1, changed / 10);
        session.run("UPDATE orders SET amount = amount + 1, status = 'paid' WHERE id IN " + ids(2 * fifth, 0));
        session.run("UPDATE orders SET customer_id = customer_id % " + rows / 10 + " + 1 WHERE id IN " + ids(tenth, 1));
        session.run("DELETE FROM orders WHERE id IN " + ids(tenth, 2));
        session.run("DELETE FROM items WHERE id IN " + ids(tenth, 3));
        session.run("UPDATE items SET quantity = (quantity + 4) % 10 WHERE id IN " + ids(tenth, 4));
        insertOrders(nextId, nextId + tenth - 1);
        insertItems(nextId, nextId + tenth - 1);
        nextId += tenth;
        session.run("UPDATE customers SET name = name || '!', credit = (credit + 5) % 1000 WHERE id IN "
                + ids(Math.max(1, changed / 50), 5));
        session.run("UPDATE parts SET parent_id = NULL WHERE id IN " + ids(Math.max(1, changed / 50), 6));
    }

    /** Some ids, evenly spread, others in each cycle and for each purpose. */
    private String ids(int count, int purpose) {
        return "(SELECT (i::bigint * " + Math.max(1, rows / count) + " + " + (cycle * 7L + purpose) * 13 + ") % " + rows
                + " + 1 FROM generate_series(0, " + (count - 1) + ") AS i)";
    }
}
