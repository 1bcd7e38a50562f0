package io.runnel.security;

import io.quarkus.security.identity.CurrentIdentityAssociation;
import io.runnel.postgres.Confined;
import io.runnel.postgres.Database;
import io.runnel.postgres.EventLoop;
import io.runnel.postgres.Failure;
import io.runnel.postgres.Row;
import io.runnel.postgres.Runner;
import io.runnel.postgres.Runners;
import io.runnel.postgres.Session;
import io.runnel.sql.Identifier;
import io.runnel.sql.SearchPath;
import io.runnel.sql.Sql;
import io.smallrye.mutiny.Uni;
import io.smallrye.mutiny.subscription.UniEmitter;
import io.vertx.core.Context;
import io.vertx.core.Vertx;
import jakarta.enterprise.context.ApplicationScoped;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** Does things in the database as the role of whoever sent the request, and asks what that role may do. */
@ApplicationScoped
public class Acting {

    /** Marks contexts of the service's own work. */
    private static final String SERVICE = "runnel.service";

    private static final String TELL = "SELECT set_config('runnel.caller', {}, true)";
    private static final String BECOME = "SELECT set_config('runnel.caller', {}, true);\nSET LOCAL ROLE {}";

    private static final Sql RESUME_SELF = Sql.of("SET LOCAL ROLE NONE");

    /** And the functions of the role, which are looked for each time: a name may by now be that of another role. */
    private static final Sql PATH = Sql.of("""
        SELECT current_setting('search_path') AS path, CASE WHEN runnel_internal.confined(role) THEN role::oid::bigint END AS runner
        FROM to_regrole(quote_ident($1)) AS role\
        """);

    private static final Sql MAY_READ =
            Sql.of("SELECT runnel_internal.role_may_read($1::text::name, $2::text, $3) AS permitted");
    private static final Sql MAY_ACT =
            Sql.of("SELECT runnel_internal.role_may_act($1::text::name, $2::text, $3) AS permitted");
    private static final Sql MAY_COMPUTE =
            Sql.of("SELECT runnel_internal.role_may_compute($1::text::name, $2::bigint::oid) AS permitted");
    /** Fails for a role that is not there, also where there are no read models to ask about. */
    private static final Sql READABLE = Sql.of("""
        SELECT kind || ' ' || id AS model
        FROM runnel_internal.readable_models($1::text::name)
        WHERE pg_has_role($1::text::name, 'MEMBER')\
        """);

    /** What PostgreSQL says to a role that is not there, or that the service may not become. */
    private static final Set<String> UNUSABLE = Set.of("postgres-22023", "postgres-42501", "postgres-42704");

    private final Database database;
    private final Runners runners;
    private final Guard guard;
    private final CurrentIdentityAssociation identities;
    private final EventLoop loop;

    Acting(Database database, Runners runners, Guard guard, CurrentIdentityAssociation identities, EventLoop loop) {
        this.database = database;
        this.runners = runners;
        this.guard = guard;
        this.identities = identities;
        this.loop = loop;
    }

    /**
     * Work that nobody has requested, which the service does on its own account, in a context that is marked for it. What a
     * request leads to never runs there.
     */
    public <T> Uni<T> asService(Supplier<Uni<T>> work) {
        return Uni.createFrom()
                .emitter(emitter -> loop.run(() -> {
                    Vertx.currentContext().putLocal(SERVICE, true);
                    begin(work.get(), emitter);
                }));
    }

    @SuppressWarnings("CheckReturnValue") // What would cancel it.
    private static <T> void begin(Uni<T> work, UniEmitter<? super T> emitter) {
        work.subscribe().with(emitter::complete, emitter::fail);
    }

    private static boolean service() {
        @Nullable Context context = Vertx.currentContext();
        return context != null && Boolean.TRUE.equals(context.getLocal(SERVICE));
    }

    /** Whoever sent the request that is being answered; fails where protection is on and nobody has. */
    public Uni<Caller> caller() {
        return Uni.createFrom().deferred(() -> service() ? Uni.createFrom().item(Caller.SERVICE) : requested());
    }

    private Uni<Caller> requested() {
        return Uni.createFrom()
                .deferred(identities::getDeferredIdentity)
                .map(Caller::of)
                .invoke(caller -> {
                    if (guard.on() && caller.databaseRole().isEmpty()) {
                        throw new Failure.Forbidden(
                                "no-database-role",
                                caller.name() + " is not mapped to a role of the database",
                                "",
                                "add one to its key, or to its claim in RUNNEL_SECURITY_OIDC_ROLES");
                    }
                });
    }

    /** Work in one transaction as the caller's role. */
    public <T> Uni<T> transaction(Function<Session, Uni<T>> work) {
        return caller().flatMap(caller ->
                database.definition(session -> become(session, caller).flatMap(became -> work.apply(session))));
    }

    /**
     * Work in one transaction that calls functions of others, for instance triggers of a table, with the rights of the
     * caller's role, which they cannot give back.
     *
     * @param otherwise the role where callers are not told apart
     */
    public <T> Uni<T> confined(Identifier otherwise, Function<Confined, Uni<T>> work) {
        return caller().flatMap(caller -> {
            Identifier role = caller.databaseRole().orElse(otherwise);
            return confined(caller, role, work)
                    .onFailure(Runner::gone)
                    .recoverWithUni(gone -> runners.of(role.name())
                            .onFailure(Acting::unusable)
                            .transform(thrown -> unusable(caller, role))
                            .flatMap(made -> confined(caller, role, work)));
        });
    }

    private <T> Uni<T> confined(Caller caller, Identifier role, Function<Confined, Uni<T>> work) {
        return database.definition(session -> become(session, caller)
                .flatMap(became -> session.execute(RESUME_SELF))
                .flatMap(resumed -> session.one(PATH, role.name()))
                .map(row -> confined(session, row.orElseThrow()))
                .flatMap(confined -> work.apply(confined)));
    }

    private static Confined confined(Session session, Row row) {
        Runner runner = row.optionalNumber("runner").map(Runner::new).orElseThrow(Runner::missing);
        return new Confined(session, runner, SearchPath.parse(row.text("path")), RESUME_SELF);
    }

    private static Uni<Void> become(Session session, Caller caller) {
        Sql name = Sql.literal(caller.name());
        return caller.databaseRole()
                .map(role -> session.execute(Sql.of(BECOME, name, role))
                        .onFailure(Acting::unusable)
                        .transform(thrown -> unusable(caller, role)))
                .orElseGet(() -> session.execute(Sql.of(TELL, name)));
    }

    /** Fails unless the caller's role may read a read model. */
    public Uni<Void> mayRead(String kind, long id) {
        return ask(MAY_READ, kind, id, "may not read it", "GRANT SELECT on it, or on a target of the projection, to ");
    }

    /** Fails unless the caller's role may do what the owner of a read model may. */
    public Uni<Void> mayAct(String kind, long id) {
        return ask(MAY_ACT, kind, id, "does not own it", "use a key whose role is a member of its owner, not only ");
    }

    /** Fails unless whoever may read the table may see all that its query returns. */
    public Uni<Void> mayCompute(long relation) {
        return asRole(role -> one(MAY_COMPUTE, role, role.name(), relation)
                .invoke(permitted -> require(
                        permitted,
                        role,
                        "may not read all rows of it",
                        "leave out fallback=live, or GRANT SELECT on the whole table to ")));
    }

    private Uni<Void> ask(Sql question, String kind, long id, String refusal, String hint) {
        return asRole(role -> one(question, role, role.name(), kind, id)
                .invoke(permitted -> require(permitted, role, refusal, hint)));
    }

    private Uni<Void> asRole(Function<Identifier, Uni<Boolean>> work) {
        return caller().flatMap(caller -> caller.databaseRole()
                .map(role -> work.apply(role).replaceWithVoid())
                .orElse(Uni.createFrom().voidItem()));
    }

    private Uni<Boolean> one(Sql question, Identifier role, Object... values) {
        return database.session(session -> session.one(question, values))
                .onFailure(Acting::unusable)
                .transform(thrown -> unusable(new Caller(role.name(), Optional.of(role)), role))
                .map(row -> row.orElseThrow().truth("permitted"));
    }

    private static void require(boolean permitted, Identifier role, String refusal, String hint) {
        if (!permitted) {
            throw new Failure.Forbidden(
                    "not-permitted", "role " + role.name() + " of the database " + refusal, "", hint + role.name());
        }
    }

    /** What the caller's role may read, to leave the rest out of lists. */
    public Uni<Visible> visible() {
        return caller().flatMap(caller -> caller.databaseRole()
                .map(role -> database.session(session -> session.query(READABLE, role.name()))
                        .onFailure(Acting::unusable)
                        .transform(thrown -> unusable(caller, role))
                        .map(Acting::visible))
                .orElse(Uni.createFrom().item(new Visible(Optional.empty()))));
    }

    private static Visible visible(List<Row> rows) {
        return new Visible(
                Optional.of(rows.stream().map(row -> row.text("model")).collect(Collectors.toSet())));
    }

    private static boolean unusable(Throwable thrown) {
        return thrown instanceof Failure failure && UNUSABLE.contains(failure.code());
    }

    private static Failure unusable(Caller caller, Identifier role) {
        return new Failure.Forbidden(
                "database-role",
                "the service cannot act as role " + role.name() + " of the database for " + caller.name(),
                "",
                "create the role, and GRANT it to the role of the service");
    }

    /** What may be read; everything, where nobody is told apart. */
    public record Visible(Optional<Set<String>> models) {

        public Visible {
            models = models.map(Set::copyOf);
        }

        public boolean everything() {
            return models.isEmpty();
        }

        public boolean includes(String kind, long id) {
            return models.map(known -> known.contains(kind + " " + id)).orElse(true);
        }
    }
}
