package io.runnel.cdc;

import static org.assertj.core.api.Assertions.assertThat;

import io.quarkus.test.junit.QuarkusTest;
import io.quarkus.vertx.VertxContextSupport;
import io.runnel.postgres.Failure;
import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.Uni;
import jakarta.inject.Inject;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Change capture that comes and goes. */
@QuarkusTest
class CaptureTest {

    private static final int ATTEMPTS = 150;

    @Inject
    DataSource database;

    @Inject
    Capture capture;

    @Inject
    Cleanup cleanup;

    @BeforeEach
    void create() throws SQLException {
        run("CREATE TABLE captured (id int PRIMARY KEY, v int)");
    }

    @AfterEach
    void drop() throws Throwable {
        run("DROP TABLE captured");
        await(cleanup.removeUnused());
    }

    @Test
    void capture_that_is_removed_while_it_is_installed_is_installed_at_the_next_attempt() throws Throwable {
        long relation = relation();
        List<String> ends = VertxContextSupport.subscribeAndAwait(() -> Multi.createFrom()
                .range(0, ATTEMPTS)
                .onItem()
                .transformToUniAndConcatenate(i -> Uni.combine()
                        .all()
                        .unis(installed(relation), cleanup.removeUnused(), cleanup.removeUnused())
                        .with(results -> String.valueOf(results.get(0))))
                .collect()
                .asList());
        assertThat(ends).hasSize(ATTEMPTS).containsOnly("installed");
    }

    private Uni<String> installed(long relation) {
        return capture.ensure(relation, List.of(1L), Capture.Extent.MISSING)
                .replaceWith("installed")
                .onFailure(Failure.Unavailable.class)
                .recoverWithItem("installed")
                .onFailure()
                .recoverWithItem(String::valueOf);
    }

    private long relation() throws SQLException {
        try (Connection connection = database.getConnection();
                Statement statement = connection.createStatement();
                ResultSet result = statement.executeQuery("SELECT 'captured'::regclass::oid::bigint")) {
            result.next();
            return result.getLong(1);
        }
    }

    private void run(String sql) throws SQLException {
        try (Connection connection = database.getConnection();
                Statement statement = connection.createStatement()) {
            statement.execute(sql);
        }
    }

    private static void await(Uni<Void> work) throws Throwable {
        VertxContextSupport.subscribeAndAwait(() -> work);
    }
}
