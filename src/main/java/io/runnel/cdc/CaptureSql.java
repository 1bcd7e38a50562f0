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
 */
final class CaptureSql {

    private static final String STATEMENT_FUNCTION = """
            CREATE OR REPLACE FUNCTION {}() RETURNS trigger
            LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $runnel$
            BEGIN
              IF TG_OP = 'INSERT' THEN
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
              END IF;
            {}
              RETURN NULL;
            END
            $runnel$""";
    private static final String ROW_FUNCTION = """
            CREATE OR REPLACE FUNCTION {}() RETURNS trigger
            LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $runnel$
            BEGIN
              IF TG_OP = 'TRUNCATE' THEN
                INSERT INTO {} (xid, weight) VALUES (pg_current_xact_id(), 0);
              END IF;
              IF TG_OP IN ('UPDATE', 'DELETE') THEN
                INSERT INTO {} (xid, weight{}) SELECT pg_current_xact_id(), -1{};
              END IF;
              IF TG_OP IN ('UPDATE', 'INSERT') THEN
                INSERT INTO {} (xid, weight{}) SELECT pg_current_xact_id(), 1{};
              END IF;
            {}
              RETURN NULL;
            END
            $runnel$""";
    private static final String WAKE_UP = """
              IF FOUND AND NOT pg_try_advisory_xact_lock_shared({}, {}) THEN
                PERFORM pg_notify({}, {});
              END IF;""";
    private static final String STATEMENT_TRIGGERS = """
            CREATE OR REPLACE TRIGGER runnel_capture_insert AFTER INSERT ON {}
              REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION {}();
            CREATE OR REPLACE TRIGGER runnel_capture_update AFTER UPDATE ON {}
              REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION {}();
            CREATE OR REPLACE TRIGGER runnel_capture_delete AFTER DELETE ON {}
              REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION {}();
            """;
    private static final String ROW_TRIGGERS = """
            CREATE OR REPLACE TRIGGER runnel_capture_rows AFTER INSERT OR UPDATE OR DELETE ON {}
              FOR EACH ROW EXECUTE FUNCTION {}();
            """;
    private static final String TRUNCATE_TRIGGER = """
            CREATE OR REPLACE TRIGGER runnel_capture_truncate AFTER TRUNCATE ON {}
              FOR EACH STATEMENT EXECUTE FUNCTION {}();
            """;
    private static final String ALWAYS_STATEMENTS = """
            ALTER TABLE {} ENABLE ALWAYS TRIGGER runnel_capture_insert,
              ENABLE ALWAYS TRIGGER runnel_capture_update,
              ENABLE ALWAYS TRIGGER runnel_capture_delete,
              ENABLE ALWAYS TRIGGER runnel_capture_truncate;
            """;
    private static final String ALWAYS_ROWS = """
            ALTER TABLE {} ENABLE ALWAYS TRIGGER runnel_capture_rows,
              ENABLE ALWAYS TRIGGER runnel_capture_truncate;
            """;
    private static final String ALWAYS_TRUNCATE = """
            ALTER TABLE {} ENABLE ALWAYS TRIGGER runnel_capture_truncate;
            """;

    private CaptureSql() {}

    /**
     * The trigger function.
     *
     * @param names the quoted names of the source's columns, in the order of {@code source.columns()}
     */
    static Sql function(Source source, List<Identifier> names) {
        Sql wakeUp = Sql.of(
                WAKE_UP,
                Source.ARMED_LOCK_CLASS,
                source.id(),
                Sql.literal(Source.WAKE_UP_CHANNEL),
                Sql.literal(Integer.toString(source.id())));
        Sql into = Source.list("", source.columns());
        if (source.rowLevel()) {
            return Sql.of(
                    ROW_FUNCTION,
                    source.function(),
                    source.buffer(),
                    source.buffer(),
                    into,
                    of("OLD", names),
                    source.buffer(),
                    into,
                    of("NEW", names),
                    wakeUp);
        }
        Sql from = of("n", names);
        return Sql.of(
                STATEMENT_FUNCTION,
                source.function(),
                source.buffer(),
                into,
                from,
                source.buffer(),
                into,
                from,
                source.buffer(),
                into,
                from,
                from,
                source.buffer(),
                wakeUp);
    }

    /** The triggers; creating them takes the lock that waits for the table's writers. */
    static Sql triggers(Source source, QualifiedName table, List<QualifiedName> partitions) {
        List<Sql> triggers = new ArrayList<>();
        QualifiedName function = source.function();
        triggers.add(
                source.rowLevel()
                        ? Sql.of(ROW_TRIGGERS, table, function)
                        : Sql.of(STATEMENT_TRIGGERS, table, function, table, function, table, function));
        triggers.add(Sql.of(TRUNCATE_TRIGGER, table, function));
        for (QualifiedName partition : partitions) {
            triggers.add(Sql.of(TRUNCATE_TRIGGER, partition, function));
        }
        return Sql.join("", triggers);
    }

    /**
     * Lets the triggers fire in sessions with {@code session_replication_role = replica}, too. Only the owner of a table
     * may say so.
     */
    static Sql always(Source source, QualifiedName table, List<QualifiedName> partitions) {
        List<Sql> alterations = new ArrayList<>();
        alterations.add(source.rowLevel() ? Sql.of(ALWAYS_ROWS, table) : Sql.of(ALWAYS_STATEMENTS, table));
        for (QualifiedName partition : partitions) {
            alterations.add(Sql.of(ALWAYS_TRUNCATE, partition));
        }
        return Sql.join("", alterations);
    }

    private static Sql of(String relation, List<Identifier> names) {
        Sql prefix = Sql.printedByPostgres(relation);
        return Sql.join(
                "", names.stream().map(name -> Sql.of(", {}.{}", prefix, name)).toList());
    }
}
