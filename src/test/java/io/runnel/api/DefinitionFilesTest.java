package io.runnel.api;

import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;

import io.quarkus.test.junit.QuarkusTest;
import io.quarkus.vertx.VertxContextSupport;
import io.restassured.path.json.JsonPath;
import io.runnel.SqlClient;
import jakarta.inject.Inject;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.function.Predicate;
import java.util.stream.Stream;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Definitions as files: real files, applied pass by pass, and once by the service as it runs. */
@QuarkusTest
class DefinitionFilesTest {

    private static final Path WATCHED = Path.of("target/definitions");
    private static final String TOTALS = """
            kind: StreamTable
            name: files.totals
            query: SELECT customer, sum(amount) AS total FROM files.orders GROUP BY customer
            """;
    private static final String LARGEST = """
            kind: StreamTable
            name: files.largest
            schedule: 1h
            query: SELECT max(total) AS total FROM files.totals
            """;

    @TempDir
    Path directory;

    @Inject
    DataSource database;

    @Inject
    DefinitionFiles files;

    private SqlClient client;

    @BeforeEach
    void create_source() throws SQLException {
        client = new SqlClient(database);
        client.run("CREATE SCHEMA files");
        client.run("CREATE TABLE files.orders (id bigserial PRIMARY KEY, customer text, amount numeric)");
        client.run("INSERT INTO files.orders (customer, amount) VALUES ('ann', 10), ('bob', 5)");
    }

    @AfterEach
    void drop_everything() throws SQLException, IOException {
        empty(WATCHED);
        client.run(
                "SELECT runnel.drop_stream_table(format('%I.%I', schema_name, table_name), true)"
                        + " FROM runnel.stream_tables WHERE schema_name = 'files' AND table_name IN ('totals', 'by_hand', 'other')");
        client.run("SELECT runnel.drop_projection(name) FROM runnel.projections WHERE name LIKE 'files%'");
        client.run("SELECT runnel.drop_materialized_view(format('%I.%I', schema_name, view_name))"
                + " FROM runnel.materialized_views WHERE schema_name = 'files'");
        client.run("DELETE FROM runnel_internal.definition_file");
        client.run("DELETE FROM runnel_internal.definition_file_problem");
        client.run("SET client_min_messages = warning");
        client.run("DROP SCHEMA files CASCADE");
        client.close();
    }

    @Test
    void documents_of_all_kinds_are_applied_whatever_their_order() throws Throwable {
        write("a.yaml", LARGEST);
        write("b.yaml", """
                kind: MaterializedView
                name: files.copy
                query: SELECT * FROM files.paid
                schedules: ["@hourly"]
                ---
                kind: Projection
                name: files_paid
                eventLog: files.events
                positionColumn: position
                typeColumn: type
                ddl: CREATE TABLE files.paid (entity text PRIMARY KEY)
                targets: [files.paid]
                handlers:
                  - types: [Paid]
                    sql: INSERT INTO files.paid VALUES (event.entity)
                ---
                # nothing
                """);
        write("nested/c.sql", """
                -- kind: StreamTable
                -- name: files.totals
                -- schedule: 200ms
                -- indexes: [[total]]
                -- maxChangedShare: 0.5

                -- What each customer has paid.
                SELECT customer, sum(amount) AS total
                FROM files.orders
                GROUP BY customer;
                """);
        write("z.yml", "{kind: EventLog, name: files.events}");
        write(".hidden.yaml", "kind: Nonsense");
        write("notes.txt", "kind: Nonsense");
        DefinitionFiles.Outcome outcome = apply(false);
        assertThat(outcome.troubles()).isEmpty();
        assertThat(outcome.applied()).isEqualTo(5);
        client.assertSyncedEquals("files.totals", "SELECT customer, sum(amount) AS total FROM files.orders GROUP BY 1");
        assertThat(client.rows("SELECT max_changed_share FROM runnel.stream_tables WHERE table_name = 'totals'"))
                .containsExactly("0.5");
        client.assertSyncedEquals("files.largest", "SELECT 10::numeric AS total");
        client.run("INSERT INTO files.events (entity, version, type) VALUES ('x', 1, 'Paid')");
        client.sync("files_paid");
        assertThat(client.rows("SELECT * FROM files.paid")).containsExactly("x");
        assertThat(client.rows("SELECT schedules FROM runnel.materialized_views WHERE view_name = 'copy'"))
                .containsExactly("{@hourly}");
        assertThat(client.rows(
                        "SELECT count(*) FROM pg_indexes WHERE tablename = 'totals' AND indexdef LIKE '%(total)%'"))
                .containsExactly("1");
    }

    @Test
    void unchanged_documents_touch_nothing_and_altered_ones_alter_what_is_there() throws Throwable {
        write("a.yaml", TOTALS + "---\n" + LARGEST);
        assertThat(apply(false).applied()).isEqualTo(2);
        client.awaitStatus("totals", "ACTIVE");
        client.awaitStatus("largest", "ACTIVE");
        String versions =
                "SELECT table_name, id, version, xmin FROM runnel_internal.stream_table WHERE schema_name = 'files'"
                        + " ORDER BY 1";
        List<String> before = client.rows(versions);
        assertThat(apply(false).applied()).isZero();
        write("a.yaml", "---\n# nothing\n---\n" + LARGEST);
        write("b.yaml", TOTALS);
        assertThat(apply(false).applied()).isZero();
        assertThat(client.rows(versions)).isEqualTo(before);
        assertThat(client.rows("SELECT file, document FROM runnel_internal.definition_file ORDER BY name"))
                .containsExactly("a.yaml|2", "b.yaml|1");

        write("b.yaml", TOTALS + "schedule: 30s\n");
        assertThat(apply(false).applied()).isEqualTo(1);
        List<String> after = client.rows(versions);
        assertThat(after.get(0)).isEqualTo(before.get(0));
        assertThat(after.get(1)).startsWith(before.get(1).replaceFirst("[0-9]+\\|[0-9]+$", "2|"));
        assertThat(client.rows("SELECT schedule FROM runnel.stream_tables WHERE table_name = 'totals'"))
                .containsExactly("30s");
    }

    @Test
    void what_is_wrong_is_told_with_its_place_and_keeps_nothing_else_from_being_applied() throws Throwable {
        write(
                "a.yaml",
                TOTALS + "---\nkind: StreamTable\nname: files.other\nquery: SELECT nothing FROM files.orders\n");
        write("b.yaml", "kind: StreamTable\nname: files.misspelt\nqery: SELECT 1\n");
        write("c.yaml", "kind: StreamTable\n  name: [\n");
        DefinitionFiles.Outcome outcome = apply(true);
        assertThat(outcome.applied()).isEqualTo(1);
        assertThat(outcome.troubles().stream()
                        .map(trouble -> trouble.file() + " " + trouble.number() + " "
                                + trouble.problem().code()))
                .containsExactlyInAnyOrder(
                        "a.yaml 2 postgres-42703", "b.yaml 1 unknown-property", "c.yaml 1 malformed-yaml");
        JsonPath shown = given().get(DefinitionFilesResource.PATH)
                .then()
                .statusCode(200)
                .extract()
                .jsonPath();
        assertThat(shown.getList("definitions.name")).containsExactly("files.totals");
        assertThat(shown.getList("problems.file")).containsExactly("a.yaml", "b.yaml", "c.yaml");
        assertThat(shown.getString("problems[0].detail")).contains("nothing");
        assertThat(shown.getInt("problems[0].position")).isEqualTo(8);

        write("a.yaml", TOTALS + "---\n" + LARGEST.replace("largest", "other"));
        Files.delete(directory.resolve("b.yaml"));
        Files.delete(directory.resolve("c.yaml"));
        assertThat(apply(true).troubles()).isEmpty();
        assertThat(client.rows("SELECT table_name FROM runnel.stream_tables WHERE schema_name = 'files' ORDER BY 1"))
                .containsExactly("other", "totals");
        assertThat(given().get(DefinitionFilesResource.PATH).jsonPath().getList("problems"))
                .isEmpty();
    }

    @Test
    void what_came_from_documents_that_are_gone_stays_unless_pruning_is_wanted() throws Throwable {
        client.run("SELECT runnel.create_stream_table('files.by_hand', 'SELECT 1 AS one', 'manual')");
        write("a.yaml", TOTALS);
        write("b.yaml", LARGEST);
        assertThat(apply(true).applied()).isEqualTo(2);
        // What it reads is known once it has been built.
        client.run("CALL runnel.refresh('files.largest')");
        Files.delete(directory.resolve("a.yaml"));
        DefinitionFiles.Outcome kept = apply(false);
        assertThat(kept.dropped()).isZero();
        assertThat(given().get(DefinitionFilesResource.PATH)
                        .jsonPath()
                        .getList("definitions.findAll { it.state == 'KEPT' }.name"))
                .containsExactly("files.totals");

        DefinitionFiles.Outcome needed = apply(true);
        assertThat(needed.troubles()).hasSize(1);
        assertThat(needed.troubles().get(0).problem().code()).isEqualTo("postgres-2bp01");
        assertThat(tables()).containsExactly("by_hand", "largest", "totals");

        write("b.yaml", "kind: StreamTable\nname: [");
        assertThat(apply(true).dropped()).as("b.yaml may still define it").isZero();
        write("b.yaml", "");
        assertThat(apply(true).dropped()).as("nothing is defined at all").isZero();
        write("b.yaml", TOTALS.replace("totals", "other"));
        assertThat(apply(true).dropped()).isEqualTo(2);
        assertThat(tables()).containsExactly("by_hand", "other");
    }

    @Test
    void one_of_the_same_name_that_somebody_else_made_is_not_pruned() throws Throwable {
        write("a.yaml", TOTALS + "---\n" + TOTALS.replace("totals", "other"));
        assertThat(apply(true).applied()).isEqualTo(2);
        client.run("SELECT runnel.drop_stream_table('files.totals')");
        client.run("SELECT runnel.create_stream_table('files.totals', 'SELECT 1 AS one', 'manual')");
        write("a.yaml", TOTALS.replace("totals", "other"));
        assertThat(apply(true).troubles()).isEmpty();
        assertThat(tables()).containsExactly("other", "totals");
    }

    @Test
    void what_cannot_be_altered_is_refused_by_name() throws Throwable {
        write("log.yaml", "{kind: EventLog, name: files.events}");
        String projection = """
                kind: Projection
                name: files_count
                eventLog: files.events
                positionColumn: position
                typeColumn: type
                ddl: CREATE TABLE files.counted (n bigint)
                handlers: [{types: [Paid], sql: INSERT INTO files.counted VALUES (event.version)}]
                """;
        write("p.yaml", projection + "batchSize: 10\n");
        assertThat(apply(false).troubles()).isEmpty();
        write("p.yaml", projection.replace("n bigint", "n int") + "batchSize: 10\n");
        List<DefinitionDocument.Trouble> troubles = apply(false).troubles();
        assertThat(troubles).hasSize(1);
        assertThat(troubles.get(0).problem().code()).isEqualTo("not-alterable");
        assertThat(troubles.get(0).problem().detail()).endsWith("in ddl");
        write("p.yaml", projection);
        assertThat(apply(false).troubles()).isEmpty();
        assertThat(client.rows("SELECT batch_size FROM runnel.projections WHERE name = 'files_count'"))
                .containsExactly("500");
        client.run("SELECT runnel.drop_projection('files_count')");
        client.run("DROP TABLE files.counted");
        assertThat(apply(false).applied())
                .as("what was dropped by hand is made again")
                .isEqualTo(1);
    }

    @Test
    void while_another_process_applies_nothing_is_done() throws Throwable {
        write("a.yaml", TOTALS);
        client.begin();
        client.run("SELECT pg_advisory_xact_lock(hashtextextended('runnel.definition_files', 0))");
        assertThat(applyOnce(false).held()).isFalse();
        client.commit();
        assertThat(apply(false).applied()).isEqualTo(1);
    }

    /** As the kubelet does it: the directory of the new files takes the place of the old one in a single step. */
    @Test
    void running_service_follows_a_mounted_config_map() throws Exception {
        empty(WATCHED);
        mount("..1", "totals.yaml", TOTALS);
        Files.createSymbolicLink(WATCHED.resolve("totals.yaml"), Path.of("..data", "totals.yaml"));
        await(shown -> shown.getList("definitions.name").contains("files.totals"));
        mount("..2", "totals.yaml", TOTALS + "schedule: 7s\n");
        client.awaitRow("SELECT FROM runnel.stream_tables WHERE table_name = 'totals' AND schedule = '7s'");
        mount("..3", "totals.yaml", TOTALS + "schedule: never\n");
        await(shown -> shown.getList("problems.code").contains("postgres-22023"));
        mount("..4", "totals.yaml", TOTALS + "schedule: 8s\n");
        client.awaitRow("SELECT FROM runnel.stream_tables WHERE table_name = 'totals' AND schedule = '8s'");
        await(shown -> shown.getList("problems").isEmpty());
        empty(WATCHED);
        await(shown -> shown.getList("definitions.state").contains("KEPT"));
    }

    private static void mount(String data, String file, String text) throws IOException {
        Files.createDirectories(WATCHED.resolve(data));
        Files.writeString(WATCHED.resolve(data).resolve(file), text);
        Path link = WATCHED.resolve("..data_tmp");
        Files.createSymbolicLink(link, Path.of(data));
        Files.move(link, WATCHED.resolve("..data"), StandardCopyOption.ATOMIC_MOVE);
    }

    private static void await(Predicate<JsonPath> there) throws InterruptedException {
        long late = System.nanoTime() + Duration.ofSeconds(20).toNanos();
        while (!there.test(given().get(DefinitionFilesResource.PATH).jsonPath())) {
            assertThat(System.nanoTime())
                    .as(given().get(DefinitionFilesResource.PATH).asString())
                    .isLessThan(late);
            Thread.sleep(50);
        }
    }

    private List<String> tables() throws SQLException {
        return client.rows("SELECT table_name FROM runnel.stream_tables WHERE schema_name = 'files' ORDER BY 1");
    }

    /** Once it is our turn: the service itself may have just seen that the directory it watches is empty. */
    private DefinitionFiles.Outcome apply(boolean prune) throws Throwable {
        long late = System.nanoTime() + Duration.ofSeconds(20).toNanos();
        DefinitionFiles.Outcome outcome = applyOnce(prune);
        while (!outcome.held()) {
            assertThat(System.nanoTime()).isLessThan(late);
            Thread.sleep(50);
            outcome = applyOnce(prune);
        }
        return outcome;
    }

    private DefinitionFiles.Outcome applyOnce(boolean prune) throws Throwable {
        return VertxContextSupport.subscribeAndAwait(
                () -> files.read(directory, Optional.empty()).flatMap(contents -> files.apply(contents, prune)));
    }

    private void write(String file, String text) throws IOException {
        Path path = directory.resolve(file);
        Files.createDirectories(java.util.Objects.requireNonNull(path.getParent()));
        Files.writeString(path, text);
    }

    private static void empty(Path directory) throws IOException {
        Files.createDirectories(directory);
        try (Stream<Path> walk = Files.walk(directory)) {
            for (Path path : walk.sorted(Comparator.reverseOrder()).toList()) {
                if (!path.equals(directory)) {
                    Files.delete(path);
                }
            }
        }
    }
}
