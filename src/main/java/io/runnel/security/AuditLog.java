package io.runnel.security;

import io.quarkus.runtime.ShutdownEvent;
import io.quarkus.runtime.StartupEvent;
import io.runnel.postgres.Database;
import io.runnel.postgres.EventLoop;
import io.runnel.postgres.Row;
import io.runnel.sql.Sql;
import io.smallrye.mutiny.Uni;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import org.eclipse.microprofile.config.inject.ConfigProperty;
import org.jboss.logging.Logger;

/** The changes of definitions, which triggers record; here they are read, and those that are too old are deleted. */
@ApplicationScoped
public class AuditLog {

    private static final Logger LOG = Logger.getLogger(AuditLog.class);

    private static final Sql LATEST = Sql.of("""
        SELECT changed_at, action, kind, name, owner::text AS owner, role::text AS role,
          session_role::text AS session_role, caller, before::text AS before, after::text AS after
        FROM runnel.audit_log
        WHERE $1::text IS NULL OR name = $1::text
        ORDER BY id DESC
        LIMIT $2\
        """);
    private static final Sql PRUNE =
            Sql.of("SELECT runnel_internal.prune_audit_log(make_interval(secs => $1::bigint), $2) AS pruned");

    /** How often old entries are looked for. */
    static final Duration PRUNE_INTERVAL = Duration.ofHours(1);

    private final Database database;
    private final Acting acting;
    private final EventLoop loop;
    private final Duration keep;
    private final long rowsMax;
    private volatile boolean stopped;

    AuditLog(
            Database database,
            Acting acting,
            EventLoop loop,
            @ConfigProperty(name = "runnel.audit.keep", defaultValue = "365d") Duration keep,
            @ConfigProperty(name = "runnel.audit.rows-max", defaultValue = "100000") long rowsMax) {
        this.database = database;
        this.acting = acting;
        this.loop = loop;
        this.keep = keep;
        this.rowsMax = rowsMax;
    }

    void start(@Observes StartupEvent started) {
        loop.run(() -> loop.repeat(
                PRUNE_INTERVAL,
                () -> !stopped,
                () -> prune(keep, rowsMax),
                pruned -> LOG.debugf("old entries of the audit log are gone: rows=%d", pruned),
                thrown -> LOG.debugf("the audit log cannot be pruned: %s", thrown.getMessage())));
    }

    void stop(@Observes ShutdownEvent stopping) {
        stopped = true;
    }

    /** @return how many entries were deleted */
    Uni<Long> prune(Duration kept, long most) {
        return database.transaction(session -> session.one(PRUNE, kept.toSeconds(), most))
                .map(row -> row.orElseThrow().number("pruned"));
    }

    /**
     * The latest changes first, as far as the caller's role owns what was changed.
     *
     * @param name of a read model; empty for all
     */
    public Uni<List<Change>> latest(Optional<String> name, long limit) {
        return acting.transaction(session -> session.query(LATEST, name.orElse(null), limit))
                .map(rows -> rows.stream().map(AuditLog::change).toList());
    }

    private static Change change(Row row) {
        return new Change(
                row.optionalTime("changed_at").orElseThrow(),
                row.text("action"),
                row.text("kind"),
                row.text("name"),
                row.optionalText("owner"),
                row.text("role"),
                row.text("session_role"),
                row.optionalText("caller"),
                row.optionalText("before"),
                row.optionalText("after"));
    }

    /**
     * A change of a definition.
     *
     * @param role as which it was made
     * @param sessionRole as which its session had logged in
     * @param caller who asked the service over HTTP; empty for a change by SQL
     * @param before a JSON object; empty if there was nothing
     */
    public record Change(
            Instant changedAt,
            String action,
            String kind,
            String name,
            Optional<String> owner,
            String role,
            String sessionRole,
            Optional<String> caller,
            Optional<String> before,
            Optional<String> after) {}
}
