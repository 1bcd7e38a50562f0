package io.runnel.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import io.quarkus.test.junit.QuarkusTest;
import io.quarkus.vertx.VertxContextSupport;
import io.runnel.sql.Identifier;
import io.runnel.sql.SearchPath;
import io.runnel.sql.Sql;
import io.smallrye.mutiny.Uni;
import jakarta.inject.Inject;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What work with the rights of a role keeps prepared. Who tries to misuse it is in {@code ConfinementTest}. */
@QuarkusTest
class ConfinedTest {

    private static final Sql COLUMNS = Sql.of("value text");
    private static final Sql SETTINGS = Sql.of("SET LOCAL jit = off");
    private static final Sql ROLE = Sql.of("SELECT current_user::text AS role");
    private static final Sql KEPT = Sql.of(
            "SELECT count(*) AS n, max(length(statement))::bigint AS longest FROM pg_prepared_statements WHERE from_sql");

    @Inject
    Database database;

    @Test
    void statements_take_values_whether_they_are_short_or_too_long_to_be_kept() throws Throwable {
        Sql brief = Sql.of("SELECT $1::text || 'b'");
        Sql endless = Sql.of("SELECT $1::text || left({}, 1)", Sql.literal("e".repeat(300_000)));
        List<String> found = new ArrayList<>();
        Row kept = await(database.session(session -> confined(session)
                .flatMap(confined -> within(
                                session,
                                value(confined, brief, "1", found)
                                        .flatMap(next -> value(confined, endless, "2", found))
                                        .flatMap(next -> value(confined, endless, "3", found))
                                        .flatMap(next -> value(confined, brief, "4", found))
                                        .flatMap(next -> value(confined, Sql.of("SELECT $1::text || 'c'"), "5", found)))
                        .flatMap(done -> session.one(KEPT)))
                .map(row -> row.orElseThrow())));
        assertThat(found).containsExactly("1b", "2e", "3e", "4b", "5c");
        assertThat(kept.number("longest")).isLessThan(300_000);
    }

    @Test
    void no_more_statements_are_kept_than_may_be_and_all_go_on_working() throws Throwable {
        List<String> found = new ArrayList<>();
        Row kept = await(database.session(session -> confined(session)
                .flatMap(confined -> {
                    Uni<Void> all = Uni.createFrom().voidItem();
                    for (int round = 0; round < 2; round++) {
                        for (int i = 0; i < PreparedStatements.MAX + 5; i++) {
                            Sql statement = Sql.of("SELECT $1::text AS {}", Identifier.of("c" + i));
                            String expected = round + " " + i;
                            all = all.flatMap(done -> value(confined, statement, expected, found));
                        }
                    }
                    return within(session, all);
                })
                .flatMap(done -> session.one(KEPT))
                .map(row -> row.orElseThrow())));
        assertThat(found).hasSize(2 * (PreparedStatements.MAX + 5)).doesNotHaveDuplicates();
        assertThat(kept.number("n")).isEqualTo(PreparedStatements.MAX);
    }

    private static Uni<Confined> confined(Session session) {
        return session.one(ROLE)
                .flatMap(row -> Runner.of(session, row.orElseThrow().text("role")))
                .map(runner -> new Confined(session, runner, SearchPath.EMPTY, SETTINGS));
    }

    private static Uni<Void> within(Session session, Uni<Void> work) {
        return session.execute(Sql.of("BEGIN"))
                .flatMap(begun -> work)
                .flatMap(done -> session.execute(Sql.of("COMMIT")));
    }

    private static Uni<Void> value(Confined confined, Sql statement, String value, List<String> found) {
        return confined.one(statement, COLUMNS, value)
                .invoke(row -> found.add(row.orElseThrow().text("value")))
                .replaceWithVoid();
    }

    private static <T> T await(Uni<T> work) throws Throwable {
        return VertxContextSupport.subscribeAndAwait(() -> work);
    }
}
