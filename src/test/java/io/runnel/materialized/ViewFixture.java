package io.runnel.materialized;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.runnel.SqlClient;
import jakarta.inject.Inject;
import java.sql.SQLException;
import javax.sql.DataSource;
import org.assertj.core.api.InstanceOfAssertFactories;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;

/** A schema of its own, in which materialized views and their sources come and go. */
abstract class ViewFixture {

    static final String TOTALS =
            "SELECT customer, count(*) AS orders, sum(amount) AS total FROM orders GROUP BY customer";

    @Inject
    DataSource database;

    SqlClient client;

    @BeforeEach
    void enter() throws SQLException {
        client = client();
        clear();
        client.run("CREATE SCHEMA viewed");
        client.run("CREATE TABLE orders (id bigserial PRIMARY KEY, customer text, amount numeric)");
        client.run("INSERT INTO orders (customer, amount) VALUES ('a', 10), ('a', 5), ('b', 1)");
    }

    @AfterEach
    void leave() throws SQLException {
        clear();
        client.close();
    }

    private void clear() throws SQLException {
        client.run("DELETE FROM runnel_internal.stream_table WHERE schema_name = 'viewed'");
        client.run("DELETE FROM runnel_internal.materialized_view");
        client.run("DROP SCHEMA IF EXISTS viewed CASCADE");
    }

    /** Another session, in the same schema. */
    final SqlClient client() throws SQLException {
        SqlClient session = new SqlClient(database);
        session.run("SET search_path = viewed, public");
        session.run("SET client_min_messages = warning");
        return session;
    }

    /** A view that is there and filled. */
    final void create(String name, String query, String settings) throws SQLException {
        client.run("SELECT runnel.create_materialized_view('" + name + "', $query$" + query + "$query$, " + settings
                + ")");
        awaitStatus(name, "ACTIVE");
    }

    final void awaitStatus(String name, String status) throws SQLException {
        await(name, "status = '" + status + "'");
    }

    final void await(String name, String condition) throws SQLException {
        client.awaitRow(
                "SELECT FROM runnel.materialized_views WHERE view_name = '" + name + "' AND (" + condition + ")");
    }

    /** Waits until the view includes what was committed before. */
    final void awaitCurrent(String name) throws SQLException {
        String now = client.rows("SELECT pg_current_snapshot()").get(0);
        await(name, "runnel_internal.covers(frontier, '" + now + "')");
    }

    final String one(String name, String column) throws SQLException {
        return client.rows("SELECT " + column + " FROM runnel.materialized_views WHERE view_name = '" + name + "'")
                .get(0);
    }

    final void fails(String sql, String code) {
        assertThatThrownBy(() -> client.run(sql))
                .as(sql)
                .asInstanceOf(InstanceOfAssertFactories.type(SQLException.class))
                .extracting(SQLException::getSQLState)
                .isEqualTo(code);
    }
}
