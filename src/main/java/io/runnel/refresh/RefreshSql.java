package io.runnel.refresh;

import io.runnel.sql.Sql;

/** The statements of a refresh that do not depend on the stream table's query. */
final class RefreshSql {

    /** The class of the advisory locks by which refreshes of one stream table exclude each other. */
    private static final int REFRESH_LOCK_CLASS = 0x52554f;

    /**
     * A refresh need not wait until its commit is on disk: it is lost in a crash only together with its frontier, and done
     * again; what writers committed is never lost with it. Prepared statements are planned once, see
     * {@link io.runnel.delta.DeltaPlan#refresh}. The pages that changes lead to are mostly those that were just written,
     * and in memory: a random read costs little more than one in sequence, whatever the server assumes in general.
     */
    static final String SETTINGS = """
            SET LOCAL TimeZone = {};
            SET LOCAL DateStyle = 'ISO, MDY';
            SET LOCAL IntervalStyle = 'postgres';
            SET LOCAL extra_float_digits = 1;
            SET LOCAL lock_timeout = {};
            SET LOCAL statement_timeout = {};
            SET LOCAL idle_in_transaction_session_timeout = '10min';
            SET LOCAL synchronous_commit = off;
            SET LOCAL plan_cache_mode = force_generic_plan;
            SET LOCAL jit = off;
            SET LOCAL random_page_cost = 1.1;
            SET LOCAL from_collapse_limit = 12;
            SET LOCAL join_collapse_limit = 12;
            SET LOCAL runnel.refresh = 'on'""";

    /** Nothing of the owner's runs here, so that the role can be given back. */
    static final String LOCK = """
            {};
            SET LOCAL ROLE {};
            LOCK TABLE ONLY {} IN ROW EXCLUSIVE MODE;
            SET LOCAL ROLE NONE{}""";

    static final String LOCK_SOURCES = ";\nLOCK TABLE ONLY {} IN ACCESS SHARE MODE";
    static final Sql EXCLUDE = Sql.of("SELECT pg_try_advisory_lock({}, $1::text::int) AS locked", REFRESH_LOCK_CLASS);
    static final Sql ADMIT = Sql.of("SELECT pg_advisory_unlock({}, $1::text::int)", REFRESH_LOCK_CLASS);
    static final Sql ADVANCE = Sql.of("""
            WITH advanced AS (
              UPDATE runnel_internal.frontier
              SET snapshot = $2::text::pg_snapshot, origin = runnel_internal.origin(),
                refreshed_at = $12::text::timestamptz, evaluated_at = CASE WHEN $13 THEN now() END,
                refresh_rows = $3, refresh_requests = $4, reinitialize_requests = $5, recomputed_in_a_row = $14::bigint,
                approvals = $15::bigint,
                consecutive_errors = 0, last_error = NULL, last_error_code = NULL, last_error_hint = NULL
              WHERE stream_table_id = $1
            )
            INSERT INTO runnel_internal.refresh_history (stream_table_id, started_at, duration_seconds, mode, reason,
              changes, rows_inserted, rows_updated, rows_deleted)
            SELECT $1, now(), extract(epoch FROM clock_timestamp() - now()), $6, $7, $8, $9, $10, $11
            RETURNING duration_seconds""");
    static final Sql SERVED = Sql.of("""
            UPDATE runnel_internal.frontier
            SET refresh_requests = $2, snapshot = $3::text::pg_snapshot, refreshed_at = $4::text::timestamptz
            WHERE stream_table_id = $1""");
    static final Sql LATER = Sql.of("""
            UPDATE runnel_internal.frontier
            SET refresh_requests = $2, snapshot = $3::text::pg_snapshot, refreshed_at = $4::text::timestamptz,
              evaluated_at = now(), approvals = $5::bigint, consecutive_errors = 0, last_error = NULL, last_error_code = NULL,
              last_error_hint = NULL
            WHERE stream_table_id = $1""");

    /**
     * A change that is too large stops the stream table at once, unless somebody has approved it or altered the definition while
     * the refresh ran. A time-out for a lock is no error, and leaves no entry in the history, of which there would be too many.
     */
    static final Sql FAILED = Sql.of(
            """
            WITH failed AS (
              UPDATE runnel_internal.frontier
              SET consecutive_errors = consecutive_errors + CASE WHEN $3::text = {} THEN 0 ELSE 1 END,
                last_error = $2, last_error_code = $3, last_error_hint = $4, last_error_at = clock_timestamp()
              WHERE stream_table_id = $1
              RETURNING approvals
            ), recorded AS (
              INSERT INTO runnel_internal.refresh_history (stream_table_id, started_at, duration_seconds, mode, reason,
                error)
              SELECT s.id, now(), 0, 'FAILED', $3, $2 FROM runnel_internal.stream_table AS s
              WHERE s.id = $1 AND $3 <> {}
            ), stopped AS (
              UPDATE runnel_internal.stream_table AS s
              SET status = 'SUSPENDED', wanted = 'SUSPENDED'
              FROM failed
              WHERE s.id = $1 AND $3 = {} AND s.wanted = 'ACTIVE' AND s.version = s.reconciled_version
                AND s.approvals <= failed.approvals
              RETURNING s.id
            )
            SELECT s.schema_name::text AS schema_name, s.table_name::text AS table_name,
              (SELECT pg_notify('runnel_schedule', id::text)::text FROM stopped) AS told
            FROM runnel_internal.stream_table AS s WHERE s.id = $1""",
            Sql.literal(RefreshFailures.LOCK_TIMEOUT),
            Sql.literal(RefreshFailures.LOCK_TIMEOUT),
            Sql.literal(RefreshFailures.TOO_LARGE));

    static final Sql ACTIVATE = Sql.of(
            "UPDATE runnel_internal.stream_table SET status = 'ACTIVE' WHERE id = $1 AND status = 'INITIALIZING'");
    static final Sql STANDING = Sql.of("""
            UPDATE runnel_internal.dependency SET standing = $3
            WHERE stream_table_id = $1 AND relation = $2::bigint::oid""");

    private RefreshSql() {}
}
