package io.runnel.fault;

import io.runnel.SqlClient;
import java.sql.SQLException;

/** The table that {@link OrderWriters} write to, and a query over it. */
final class Orders {

    static final String TOTALS = "SELECT region, count(*) AS orders, sum(amount) AS total FROM orders GROUP BY region";

    private Orders() {}

    static void createTable(SqlClient client) throws SQLException {
        client.run("CREATE TABLE orders (id bigserial PRIMARY KEY, region text, amount numeric)");
    }

    /** With a hundred orders in four regions. */
    static void create(SqlClient client) throws SQLException {
        createTable(client);
        client.run("INSERT INTO orders (region, amount) SELECT 'r' || i % 4, i FROM generate_series(1, 100) AS i");
    }
}
