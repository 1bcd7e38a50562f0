package io.runnel.postgres;

import io.runnel.sql.Identifier;
import io.runnel.sql.Sql;
import io.smallrye.mutiny.Uni;

/**
 * The functions by which statements run with the rights of a role, see {@code runnel_internal.confine}.
 *
 * @param role the OID of the role, which ends their names
 */
public record Runner(long role) {

    private static final Sql CONFINE = Sql.of("SELECT runnel_internal.confine($1::text::name)::bigint AS role");

    private static final String GONE = "postgres-42883";
    private static final String SCHEMA = "runnel_confined.";

    /** Has them made, if they are not there. */
    public static Uni<Runner> of(Session session, String role) {
        return session.one(CONFINE, role)
                .map(row -> new Runner(row.orElseThrow().number("role")));
    }

    /** As what fails without them; {@link #gone}. */
    public static Failure missing() {
        return new Failure.Invalid(GONE, "there are no functions in " + SCHEMA, "");
    }

    /** Whether a statement failed because the functions are not there any more. */
    public static boolean gone(Throwable thrown) {
        return thrown instanceof Failure failure
                && failure.code().equals(GONE)
                && failure.message().contains(SCHEMA);
    }

    Identifier query() {
        return Identifier.of("query_as_" + role);
    }

    Identifier execute() {
        return Identifier.of("execute_as_" + role);
    }
}
