package io.runnel.refresh.random;

import io.quarkus.vertx.VertxContextSupport;
import io.runnel.postgres.Failure;
import io.runnel.refresh.RefreshReport;
import io.runnel.refresh.Refresher;
import io.smallrye.mutiny.Multi;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Where random stream tables are created, refreshed and compared. */
final class Arena {

    private static final int CONCURRENT = 4;

    /** Where the grammar may put what no delta rule follows. */
    private static final List<String> REFUSED = List.of(
            "the current time may stand only in a comparison with a value of the row",
            "the value of \\S+ over no rows is not known",
            "aggregates without GROUP BY in a subquery that reads columns of an enclosing query have no delta rule",
            "the condition of an outer join may compare the current time only with columns of one side");

    private static final String INITIALIZED = "SELECT WHERE NOT EXISTS (SELECT FROM runnel.stream_tables"
            + " WHERE table_name LIKE 'random%' AND status = 'INITIALIZING' AND last_error IS NULL)";
    private static final String STATE = """
            SELECT concat_ws(' ', status, effective_mode, full_reason, last_error) FROM runnel.stream_tables
            WHERE table_name = '%s'""";

    private final Client client;
    private final Refresher refresher;

    Arena(Client client, Refresher refresher) {
        this.client = client;
        this.refresher = refresher;
    }

    Client client() {
        return client;
    }

    /** Creates the tables, empty but for the rows that the statements insert. */
    void open(RandomSchema schema, List<String> initial) throws SQLException {
        for (String statement : schema.create()) {
            client.run(statement);
        }
        client.transaction(initial, false);
    }

    void close() throws SQLException {
        List<String> tables = new ArrayList<>(client.rows(
                "SELECT table_name FROM runnel_internal.stream_table WHERE table_name LIKE 'random%' ORDER BY id"));
        Collections.reverse(tables);
        for (String table : tables) {
            drop(table);
        }
        for (String statement : RandomSchema.DROP) {
            client.run(statement);
        }
    }

    void drop(String table) throws SQLException {
        client.run("SELECT runnel.drop_stream_table('" + table + "')");
    }

    Optional<Mismatch> create(String name, String query) {
        try {
            client.run("SELECT runnel.create_stream_table('" + name + "', $query$" + query + "$query$, 'manual')");
            return Optional.empty();
        } catch (SQLException e) {
            return Optional.of(new Mismatch("cannot be created " + e.getSQLState(), String.valueOf(e.getMessage())));
        }
    }

    void initialized() throws SQLException {
        client.await(INITIALIZED);
    }

    /** Whether the table is maintained differentially; empty if it is not as it should be. */
    boolean differential(Definition definition) throws SQLException {
        return state(definition).startsWith("ACTIVE DIFFERENTIAL");
    }

    /** What is wrong with a table that has been filled. */
    Optional<Mismatch> filled(Definition definition) throws SQLException {
        String state = state(definition);
        boolean refused = REFUSED.stream().anyMatch(reason -> state.matches("(?s)ACTIVE FULL " + reason + ".*"));
        String wanted = RandomBatch.full(definition.number()) ? "ACTIVE FULL" : "ACTIVE DIFFERENTIAL";
        return state.startsWith(wanted) || refused
                ? compare(definition)
                : Optional.of(new Mismatch(state.substring(0, Math.min(60, state.length())), state));
    }

    private String state(Definition definition) throws SQLException {
        return client.rows(STATE.formatted(definition.table())).get(0);
    }

    /** Refreshes tables that do not read each other; gives what each refresh did, or what it failed with. */
    Map<String, Result> refresh(List<String> tables) throws Throwable {
        Map<Long, String> ids = new LinkedHashMap<>();
        for (String row : client.rows("SELECT id || ' ' || table_name FROM runnel_internal.stream_table")) {
            String[] parts = row.split(" ", 2);
            if (tables.contains(parts[1])) {
                ids.put(Long.parseLong(parts[0]), parts[1]);
            }
        }
        Map<String, Result> results = new LinkedHashMap<>();
        VertxContextSupport.subscribeAndAwait(() -> Multi.createFrom()
                        .iterable(ids.entrySet())
                        .onItem()
                        .transformToUni(entry -> refresher
                                .refresh(entry.getKey())
                                .map(report -> new Result(report, Optional.empty()))
                                .onFailure()
                                .recoverWithItem(Result::failed)
                                .map(result -> Map.entry(entry.getValue(), result)))
                        .merge(CONCURRENT)
                        .collect()
                        .asList())
                .forEach(entry -> results.put(entry.getKey(), entry.getValue()));
        return results;
    }

    Optional<Mismatch> compare(Definition definition) throws SQLException {
        String table = definition.table();
        List<String> differences = client.differences(table, client.atItsMoment(table, definition.sql()));
        return differences.isEmpty()
                ? Optional.empty()
                : Optional.of(new Mismatch(Mismatch.DIFFERENT, String.join("\n", differences)));
    }

    /** What became of a refresh. */
    record Result(RefreshReport report, Optional<Mismatch> mismatch) {

        private static Result failed(Throwable thrown) {
            String kind = thrown instanceof Failure failure
                    ? failure.code()
                    : thrown.getClass().getSimpleName();
            RefreshReport nothing = new RefreshReport("NONE", "failed", 0, 0, 0, 0, java.time.Duration.ZERO);
            return new Result(nothing, Optional.of(new Mismatch(kind, String.valueOf(thrown))));
        }
    }
}
