package io.runnel.cdc;

import io.runnel.sql.Identifier;
import io.runnel.sql.QualifiedName;
import io.runnel.sql.Sql;
import java.util.ArrayList;
import java.util.List;

/**
 * The trigger functions and triggers of change capture.
 *
 * <p>A function reads and writes by qualified names under a fixed search path, casts nothing, and therefore fails for no
 * value that the source accepts. It notifies only if it cannot share the source's advisory lock, which is when a service
 * holds it exclusively, asleep.
 *
 * <p>Columns are renamed, dropped and given other types while writers go on, and the service that would write the function
 * anew may be stopped. Therefore a function first looks at one row to see whether it still knows the columns. If not, it
 * records a mark with weight {@link Source#UNKNOWN} instead of the rows. The look runs in a subtransaction, because a
 * name that is gone is an error; having written nothing, it costs no transaction id.
 */
final class CaptureSql {

    private static final String FUNCTION = """
            CREATE OR REPLACE FUNCTION {}() RETURNS trigger
            LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $runnel$
            DECLARE
              known boolean;
            BEGIN
              BEGIN
                IF TG_OP = 'DELETE' THEN
                  {};
                ELSIF TG_OP <> 'TRUNCATE' THEN
                  {};
                END IF;
              EXCEPTION WHEN OTHERS THEN
                known := false;
              END;
            {}
            {}
              RETURN NULL;
            END
            $runnel$""";
    private static final String LOOK_AT_OLD_ROWS = "SELECT {} INTO known FROM old_rows AS n LIMIT 1";
    private static final String LOOK_AT_NEW_ROWS = "SELECT {} INTO known FROM new_rows AS n LIMIT 1";
    private static final String LOOK_AT_ROW = "known := {}";
    private static final String STATEMENT_CHANGES = """
              IF NOT known THEN
                INSERT INTO {} (xid, weight) VALUES (pg_current_xact_id(), {});
              ELSIF TG_OP = 'INSERT' THEN
                INSERT INTO {} (xid, weight{})
                SELECT pg_current_xact_id(), 1{} FROM new_rows AS n;
              ELSIF TG_OP = 'DELETE' THEN
                INSERT INTO {} (xid, weight{})
                SELECT pg_current_xact_id(), -1{} FROM old_rows AS n;
              ELSIF TG_OP = 'UPDATE' THEN
                INSERT INTO {} (xid, weight{})
                SELECT pg_current_xact_id(), -1{} FROM old_rows AS n
                UNION ALL
                SELECT pg_current_xact_id(), 1{} FROM new_rows AS n;
              ELSE
                INSERT INTO {} (xid, weight) VALUES (pg_current_xact_id(), 0);
              END IF;""";
    private static final String ROW_CHANGES = """
              IF NOT known THEN
                INSERT INTO {} (xid, weight) VALUES (pg_current_xact_id(), {});
              ELSIF TG_OP = 'INSERT' THEN
                INSERT INTO {} (xid, weight{}) VALUES (pg_current_xact_id(), 1{});
              ELSIF TG_OP = 'DELETE' THEN
                INSERT INTO {} (xid, weight{}) VALUES (pg_current_xact_id(), -1{});
              ELSIF TG_OP = 'UPDATE' THEN
                INSERT INTO {} (xid, weight{}) VALUES (pg_current_xact_id(), -1{}), (pg_current_xact_id(), 1{});
              ELSE
                INSERT INTO {} (xid, weight) VALUES (pg_current_xact_id(), 0);
              END IF;""";
    // Columns without a value of variable length cannot be moved out of line, and the buffer has two more than the
    // source.
    private static final String GUARDED = """
              BEGIN
            {}
              EXCEPTION WHEN program_limit_exceeded THEN
                INSERT INTO {} (xid, weight) VALUES (pg_current_xact_id(), {});
              END;""";
    private static final String WAKE_UP = """
              IF FOUND AND NOT pg_try_advisory_xact_lock_shared({}, {}) THEN
                PERFORM pg_notify({}, {});
              END IF;""";
    private static final String STATEMENT_TRIGGERS = """
            CREATE OR REPLACE TRIGGER {} AFTER INSERT ON {}
              REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION {}();
            CREATE OR REPLACE TRIGGER {} AFTER UPDATE ON {}
              REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION {}();
            CREATE OR REPLACE TRIGGER {} AFTER DELETE ON {}
              REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION {}();
            """;
    private static final String ROW_TRIGGERS = """
            CREATE OR REPLACE TRIGGER {} AFTER INSERT OR UPDATE OR DELETE ON {}
              FOR EACH ROW EXECUTE FUNCTION {}();
            """;
    private static final String TRUNCATE_TRIGGER = """
            CREATE OR REPLACE TRIGGER {} AFTER TRUNCATE ON {}
              FOR EACH STATEMENT EXECUTE FUNCTION {}();
            """;
    private static final String ALWAYS_STATEMENTS = """
            ALTER TABLE {} ENABLE ALWAYS TRIGGER {},
              ENABLE ALWAYS TRIGGER {},
              ENABLE ALWAYS TRIGGER {},
              ENABLE ALWAYS TRIGGER {};
            """;
    private static final String ALWAYS_ROWS = """
            ALTER TABLE {} ENABLE ALWAYS TRIGGER {},
              ENABLE ALWAYS TRIGGER {};
            """;
    private static final String ALWAYS_TRUNCATE = """
            ALTER TABLE {} ENABLE ALWAYS TRIGGER {};
            """;

    /** How wide the rows of a buffer may get, as far as their columns tell; the limit of PostgreSQL is a page. */
    private static final int ROW_BYTES_MAX = 7500;

    /**
     * A captured column of the source.
     *
     * @param type the OID of its type
     * @param bytes how many it takes at most in a row, when what can be is moved out of line
     */
    record Column(Identifier name, long type, long bytes) {}

    /**
     * A table below the source.
     *
     * @param partition whether PostgreSQL gives it the row-level triggers of the tables above it
     */
    record Descendant(QualifiedName name, boolean partition) {}

    private CaptureSql() {}

    /**
     * The trigger function.
     *
     * @param columns the source's columns, in the order of {@code source.columns()}
     */
    static Sql function(Source source, List<Column> columns) {
        Sql wakeUp = Sql.of(
                WAKE_UP,
                Source.ARMED_LOCK_CLASS,
                source.id(),
                Sql.literal(Source.WAKE_UP_CHANNEL),
                Sql.literal(Integer.toString(source.id())));
        boolean rows = source.rowLevel();
        Sql known = known("n", columns);
        return Sql.of(
                FUNCTION,
                source.function(),
                rows ? Sql.of(LOOK_AT_ROW, known("OLD", columns)) : Sql.of(LOOK_AT_OLD_ROWS, known),
                rows ? Sql.of(LOOK_AT_ROW, known("NEW", columns)) : Sql.of(LOOK_AT_NEW_ROWS, known),
                guarded(source, columns, rows ? rowChanges(source, columns) : statementChanges(source, columns)),
                wakeUp);
    }

    /** A row that just fits into a page may not fit with the buffer's own columns; that must not fail its writer. */
    private static Sql guarded(Source source, List<Column> columns, Sql changes) {
        return columns.stream().mapToLong(Column::bytes).sum() <= ROW_BYTES_MAX
                ? changes
                : Sql.of(GUARDED, changes, source.buffer(), Source.UNKNOWN);
    }

    private static Sql rowChanges(Source source, List<Column> columns) {
        Sql into = Source.list("", source.columns());
        Sql old = of("OLD", columns);
        Sql now = of("NEW", columns);
        QualifiedName buffer = source.buffer();
        return Sql.of(
                ROW_CHANGES,
                buffer,
                Source.UNKNOWN,
                buffer,
                into,
                now,
                buffer,
                into,
                old,
                buffer,
                into,
                old,
                now,
                buffer);
    }

    private static Sql statementChanges(Source source, List<Column> columns) {
        Sql into = Source.list("", source.columns());
        Sql from = of("n", columns);
        QualifiedName buffer = source.buffer();
        return Sql.of(
                STATEMENT_CHANGES,
                buffer,
                Source.UNKNOWN,
                buffer,
                into,
                from,
                buffer,
                into,
                from,
                buffer,
                into,
                from,
                from,
                buffer);
    }

    /** The triggers; creating them takes the lock that waits for the table's writers. */
    static Sql triggers(Source source, QualifiedName table, List<Descendant> descendants) {
        List<Sql> triggers = new ArrayList<>();
        QualifiedName function = source.function();
        triggers.add(
                source.rowLevel()
                        ? Sql.of(ROW_TRIGGERS, source.trigger("rows"), table, function)
                        : Sql.of(
                                STATEMENT_TRIGGERS,
                                source.trigger("insert"),
                                table,
                                function,
                                source.trigger("update"),
                                table,
                                function,
                                source.trigger("delete"),
                                table,
                                function));
        Identifier truncate = source.trigger("truncate");
        triggers.add(Sql.of(TRUNCATE_TRIGGER, truncate, table, function));
        for (Descendant descendant : descendants) {
            if (!descendant.partition()) {
                triggers.add(Sql.of(ROW_TRIGGERS, source.trigger("rows"), descendant.name(), function));
            }
            triggers.add(Sql.of(TRUNCATE_TRIGGER, truncate, descendant.name(), function));
        }
        return Sql.join("", triggers);
    }

    /**
     * Lets the triggers fire in sessions with {@code session_replication_role = replica}, too. Only the owner of a table
     * may say so.
     */
    static Sql always(Source source, QualifiedName table, List<Descendant> descendants) {
        Identifier truncate = source.trigger("truncate");
        List<Sql> alterations = new ArrayList<>();
        alterations.add(
                source.rowLevel()
                        ? Sql.of(ALWAYS_ROWS, table, source.trigger("rows"), truncate)
                        : Sql.of(
                                ALWAYS_STATEMENTS,
                                table,
                                source.trigger("insert"),
                                source.trigger("update"),
                                source.trigger("delete"),
                                truncate));
        for (Descendant descendant : descendants) {
            alterations.add(
                    descendant.partition()
                            ? Sql.of(ALWAYS_TRUNCATE, descendant.name(), truncate)
                            : Sql.of(ALWAYS_ROWS, descendant.name(), source.trigger("rows"), truncate));
        }
        return Sql.join("", alterations);
    }

    private static Sql of(String relation, List<Column> columns) {
        Sql prefix = Sql.printedByPostgres(relation);
        return Sql.join(
                "",
                columns.stream()
                        .map(column -> Sql.of(", {}.{}", prefix, column.name()))
                        .toList());
    }

    /** Whether the columns are there and of the types that they had. */
    private static Sql known(String relation, List<Column> columns) {
        Sql prefix = Sql.printedByPostgres(relation);
        List<Sql> conditions = new ArrayList<>(List.of(Sql.of("true")));
        columns.forEach(
                column -> conditions.add(Sql.of("pg_typeof({}.{}) = {}::oid", prefix, column.name(), column.type())));
        return Sql.join(" AND ", conditions);
    }
}
