package io.runnel;

import static org.assertj.core.api.Assertions.assertThat;

import io.runnel.schedule.SchedulerSettings;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.reflect.Field;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The limits that the README tells are those of the code. */
class LimitsReadmeTest {

    private static final Path SOURCES = Path.of("src/main/java");
    private static final Pattern PROPERTY =
            Pattern.compile("@ConfigProperty\\(\\s*name = \"([^\"]+)\",\\s*defaultValue = \"([^\"]*)\"");
    private static final Pattern KEY = Pattern.compile("`([A-Z][A-Z_]+)`");
    private static final String FIXED = "–";

    /** A row of the table. */
    private record Limit(String name, String setBy, String standard, String then) {}

    @Test
    void settings_are_there_and_have_the_defaults_that_are_told() throws IOException {
        Map<String, String> defaults = defaults();
        List<Limit> set =
                limits().stream().filter(limit -> !limit.setBy().equals(FIXED)).toList();
        assertThat(set).hasSizeGreaterThan(8).allSatisfy(limit -> {
            assertThat(limit.setBy()).matches(KEY);
            assertThat(defaults).containsEntry(bare(limit.setBy()), bare(limit.standard()));
        });
    }

    @Test
    void every_setting_that_is_a_limit_is_told() throws IOException {
        TreeSet<String> told = new TreeSet<>();
        limits().forEach(limit -> told.add(bare(limit.setBy())));
        assertThat(defaults().keySet().stream()
                        .filter(key -> key.startsWith("RUNNEL_"))
                        .filter(key -> key.endsWith("_MAX") || key.endsWith("_TIMEOUT")))
                .hasSizeGreaterThan(5)
                .isSubsetOf(told);
    }

    @Test
    void table_of_the_configuration_has_the_same_defaults() throws IOException {
        Map<String, String> defaults = defaults();
        List<String[]> rows = rows("Configuration")
                .filter(cells -> cells.length == 3 && KEY.matcher(cells[0]).matches())
                .filter(cells -> defaults.containsKey(bare(cells[0])))
                .toList();
        assertThat(rows)
                .hasSizeGreaterThan(8)
                .allSatisfy(cells -> assertThat(bare(cells[2])).as(cells[0]).isEqualTo(defaults.get(bare(cells[0]))));
    }

    @Test
    void limits_that_are_fixed_are_those_of_the_code() throws Exception {
        SchedulerSettings settings = SchedulerSettings.defaults(8);
        Map<String, String> code = new TreeMap<>();
        code.put("errors of a stream table or materialized view in a row", told(settings.consecutiveErrorsMax()));
        assertThat(told(constant("materialized.ViewRefresher", "CONSECUTIVE_ERRORS_MAX")))
                .isEqualTo(told(settings.consecutiveErrorsMax()));
        code.put(
                "pause after an error",
                told(SchedulerSettings.BACK_OFF_MIN) + " to " + told(SchedulerSettings.BACK_OFF_MAX));
        code.put(
                "refreshes in the history, of each stream table and materialized view",
                told(constant("materialized.ViewRefresher", "HISTORY_ROWS_MAX")));
        code.put("change rows in buffers", "none");
        code.put("change rows deleted in one transaction", told(constant("cdc.Cleanup", "BATCH_ROWS_MAX")));
        code.put("sources whose writers wake the service up", told(settings.armedSourcesMax()));
        code.put(
                "waiting for the lock that begins the capture of a source",
                told(constant("cdc.Capture", "LOCK_TIMEOUT")));
        code.put("definitions built at once", told(constant("definition.ReconcileLoop", "CONCURRENT_MAX")));
        code.put("materialized views refreshed at once", told(constant("materialized.ViewLoop", "CONCURRENT_MAX")));
        code.put("one statement of a materialized view's refresh", "6 h");
        assertThat(Files.readString(SOURCES.resolve("io/runnel/materialized/ViewRefresher.java")))
                .contains("statement_timeout = '6h'");
        code.put("batches of projections at once", told(constant("projection.Pipelines", "CONCURRENT_MAX")));
        code.put("one statement of a batch", told(constant("projection.Projector", "STATEMENT_TIMEOUT")));
        code.put("lease of a service", told(constant("replica.Membership", "LEASE")));
        code.put(
                "ending what is under way when a service is stopped",
                told(constant("replica.Membership", "DRAIN_MAX")));
        code.put(
                "silence of a connection that owes an answer",
                told(constant("postgres.LostConnections", "SILENCE_MAX")));
        code.put("characters of a query", told(constant("api.CreateRequest", "QUERY_CHARACTERS_MAX")));
        code.put("`wait` of a request", told(constant("api.Inputs", "WAIT_MAX")));
        code.put("events appended by a request", told(constant("api.EventsResource", "EVENTS_MAX")));
        code.put("rows in a page", told(constant("rows.PageRequest", "LIMIT_MAX")));
        code.put("reading a page", told(Duration.parse("PT" + constant("rows.PageReader", "STATEMENT_TIMEOUT"))));
        code.put("pages read at once", told(constant("rows.Turns", "READING_MAX")));
        code.put("definition files", told(constant("api.DefinitionDirectory", "FILES_MAX")));
        Map<String, String> readme = new TreeMap<>();
        limits().stream()
                .filter(limit -> limit.setBy().equals(FIXED))
                .forEach(limit -> readme.put(limit.name(), limit.standard()));
        assertThat(readme).isEqualTo(code);
        assertThat(Files.readString(Path.of("README.md")))
                .contains("With fewer than " + constant("refresh.ChangeLimit", "ROWS_MIN") + " rows");
    }

    private static List<Limit> limits() throws IOException {
        return rows("Limits and back-pressure")
                .filter(cells -> cells.length == 4 && !cells[0].equals("limit") && !cells[0].startsWith("---"))
                .map(cells -> new Limit(cells[0], cells[1], cells[2], cells[3]))
                .toList();
    }

    /** The cells of the tables of one section. */
    private static Stream<String[]> rows(String section) throws IOException {
        String readme = Files.readString(Path.of("README.md"));
        int begin = readme.indexOf("\n## " + section + "\n");
        assertThat(begin).as(section).isPositive();
        return readme.substring(begin, readme.indexOf("\n## ", begin + 1))
                .lines()
                .filter(line -> line.startsWith("|"))
                .map(line -> line.substring(2, line.length() - 2).split(" \\| ", -1));
    }

    /** The default of every setting of ours, and of those of Quarkus that we set, by the name of its environment variable. */
    private static Map<String, String> defaults() throws IOException {
        Map<String, String> defaults = new LinkedHashMap<>();
        try (Stream<Path> files = Files.walk(SOURCES)) {
            files.filter(file -> file.toString().endsWith(".java")).forEach(file -> {
                for (Matcher found = PROPERTY.matcher(text(file)); found.find(); ) {
                    defaults.put(variable(found.group(1)), found.group(2));
                }
            });
        }
        text(Path.of("src/main/resources/application.properties"))
                .lines()
                .filter(line -> line.startsWith("quarkus.") && line.contains("="))
                .forEach(line -> defaults.put(
                        variable(line.substring(0, line.indexOf('='))), line.substring(line.indexOf('=') + 1)));
        return defaults;
    }

    private static String text(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException unreadable) {
            throw new UncheckedIOException(unreadable);
        }
    }

    private static String variable(String property) {
        return property.replaceAll("[^A-Za-z0-9]", "_").toUpperCase(Locale.ROOT);
    }

    private static String bare(String quoted) {
        return quoted.replace("`", "");
    }

    private static Object constant(String type, String name) throws ReflectiveOperationException {
        Field field = Class.forName("io.runnel." + type).getDeclaredField(name);
        field.setAccessible(true);
        return field.get(null);
    }

    private static String told(Object value) {
        if (value instanceof Duration time) {
            long millis = time.toMillis();
            return millis % 3_600_000 == 0
                    ? millis / 3_600_000 + " h"
                    : millis % 60_000 == 0 && millis > 60_000
                            ? millis / 60_000 + " min"
                            : millis % 1000 == 0 ? millis / 1000 + " s" : millis + " ms";
        }
        return String.format(Locale.ROOT, "%,d", ((Number) value).longValue());
    }
}
