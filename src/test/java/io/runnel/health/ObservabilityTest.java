package io.runnel.health;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.quarkus.test.junit.QuarkusTest;
import io.restassured.RestAssured;
import io.runnel.SqlClient;
import jakarta.inject.Inject;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** What the dashboard and the alerts ask for is there, under that name and with those labels. */
@QuarkusTest
class ObservabilityTest {

    private static final Path FILES = Path.of("src", "main", "observability");

    /** A metric, with what stands in its braces. */
    private static final Pattern METRIC = Pattern.compile("\\b((?:runnel|process|jvm)_[a-z0-9_]+)(?:\\{([^}]*)\\})?");

    private static final Pattern GROUPED = Pattern.compile("by \\(([a-z, ]+)\\)");
    private static final Pattern LABEL = Pattern.compile("([a-z]+)=~?\"");

    /** Those that Prometheus adds. */
    private static final Set<String> FROM_PROMETHEUS = Set.of("job", "instance");

    @Inject
    DataSource database;

    @AfterEach
    void clean() throws SQLException {
        try (SqlClient client = new SqlClient(database)) {
            client.run("SET client_min_messages = error");
            client.run("SELECT runnel.drop_stream_table(format('%I.%I', schema_name, table_name), true)"
                    + " FROM runnel.stream_tables WHERE schema_name = 'observed'");
            client.run("SELECT runnel.drop_projection(name) FROM runnel.projections WHERE name = 'observed'");
            client.run("DROP SCHEMA IF EXISTS observed CASCADE");
        }
    }

    @Test
    void every_metric_and_label_of_every_expression_exists() throws Exception {
        List<String> expressions = expressions();
        assertThat(expressions).hasSizeGreaterThan(20);
        make();
        Map<String, Set<String>> labels = new LinkedHashMap<>();
        Instant end = Instant.now().plus(Duration.ofSeconds(30));
        List<String> missing;
        do {
            labels.clear();
            RestAssured.get("/q/metrics").body().asString().lines().forEach(line -> series(line, labels));
            missing = missing(expressions, labels);
        } while (!missing.isEmpty() && Instant.now().isBefore(end));
        assertThat(missing).isEmpty();
    }

    @Test
    void metric_that_is_not_there_is_found_missing() {
        Map<String, Set<String>> labels = Map.of("runnel_lag_seconds", Set.of("table"));
        assertThat(missing(List.of("max by (table) (runnel_lag_seconds{job=\"x\"})"), labels))
                .isEmpty();
        assertThat(missing(List.of("max(runnel_lagg_seconds)"), labels)).hasSize(1);
        assertThat(missing(List.of("max(runnel_lag_seconds{mode=\"x\"})"), labels))
                .hasSize(1);
        assertThat(missing(List.of("max by (mode) (runnel_lag_seconds)"), labels))
                .hasSize(1);
    }

    @Test
    void readme_names_the_meters_that_there_are() throws Exception {
        String readme = Files.readString(Path.of("README.md"));
        Set<String> told = new TreeSet<>();
        for (Matcher named = Pattern.compile("`(runnel_[a-z_]+)`").matcher(readme); named.find(); ) {
            told.add(named.group(1).replaceFirst("_total$", ""));
        }
        make();
        Instant end = Instant.now().plus(Duration.ofSeconds(30));
        Set<String> there;
        do {
            there = RestAssured.get("/q/metrics")
                    .body()
                    .asString()
                    .lines()
                    .filter(line -> line.startsWith("# TYPE runnel_"))
                    .map(line -> line.replaceFirst("# TYPE (\\S+?)(?:_total)? (\\S+)", "$1"))
                    .filter(name -> !name.endsWith("_max"))
                    .collect(Collectors.toCollection(TreeSet::new));
        } while (!there.equals(told) && Instant.now().isBefore(end));
        assertThat(told).isEqualTo(there);
    }

    /** Something of everything: refreshes, one that fails, events, changes that wait. */
    private void make() throws SQLException {
        try (SqlClient client = new SqlClient(database)) {
            client.run("CREATE SCHEMA observed");
            client.run("CREATE TABLE observed.words (id int PRIMARY KEY, word text)");
            client.run("INSERT INTO observed.words VALUES (1, '1')");
            client.run(
                    "SELECT runnel.create_stream_table('observed.fine', 'SELECT id, word FROM observed.words', '1h')");
            client.run("CALL runnel.sync('observed.fine')");
            client.run("SELECT runnel.create_stream_table('observed.broken', 'SELECT id, word::int AS n FROM"
                    + " observed.words', '10ms')");
            client.run("CALL runnel.sync('observed.broken')");
            client.run("INSERT INTO observed.words VALUES (2, 'x')");
            client.run("SELECT runnel.create_event_log('observed.events', entity_type => 'text')");
            client.run("CREATE TABLE observed.target (n bigint)");
            client.run("SELECT runnel.create_projection('observed', 'observed.events', 'position', targets =>"
                    + " '{observed.target}', default_handler => 'INSERT INTO observed.target VALUES"
                    + " (event.position)')");
            client.run("SELECT runnel.append('observed.events', 'a', 'b', '{}', 0)");
            client.run("CALL runnel.sync('observed')");
        }
    }

    private static List<String> expressions() throws Exception {
        List<String> found = new ArrayList<>();
        JsonNode dashboard = new ObjectMapper()
                .readTree(FILES.resolve("grafana-dashboard.json").toFile());
        dashboard.findValues("expr").forEach(expression -> found.add(expression.asText()));
        Matcher rules = Pattern.compile("(?m)^        expr: (?:>-\\n((?:          .*\\n)+)|(.*)$)")
                .matcher(Files.readString(FILES.resolve("prometheus-rules.yaml")));
        while (rules.find()) {
            found.add(rules.group(1) == null ? rules.group(2) : rules.group(1));
        }
        return found;
    }

    private static void series(String line, Map<String, Set<String>> labels) {
        Matcher series = Pattern.compile("^([a-z0-9_]+)(?:\\{(.*)\\})? .*").matcher(line);
        if (series.matches()) {
            Set<String> known = labels.computeIfAbsent(series.group(1), name -> new TreeSet<>());
            if (series.group(2) != null) {
                for (Matcher label = LABEL.matcher(series.group(2)); label.find(); ) {
                    known.add(label.group(1));
                }
            }
        }
    }

    private static List<String> missing(List<String> expressions, Map<String, Set<String>> labels) {
        List<String> missing = new ArrayList<>();
        for (String expression : expressions) {
            for (Matcher metric = METRIC.matcher(expression); metric.find(); ) {
                Set<String> known = labels.get(metric.group(1));
                Set<String> used = new TreeSet<>();
                String braces = metric.group(2) == null ? "" : metric.group(2);
                for (Matcher label = LABEL.matcher(braces); label.find(); ) {
                    used.add(label.group(1));
                }
                for (Matcher grouped = GROUPED.matcher(expression); grouped.find(); ) {
                    used.addAll(List.of(grouped.group(1).split(", ", -1)));
                }
                used.removeAll(FROM_PROMETHEUS);
                if (known == null || !known.containsAll(used)) {
                    missing.add(metric.group(1) + used + " of " + expression + ", where there is " + known);
                }
            }
        }
        return missing;
    }
}
