package io.runnel.fault;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.sun.net.httpserver.HttpServer;
import io.runnel.SqlClient;
import java.net.InetSocketAddress;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import javax.sql.DataSource;
import org.junit.jupiter.api.Test;

/** A service that is told to sends its traces to a collector. */
class TracesIT {

    /** A span in OTLP: its trace, itself, whose child it is, and its name. */
    private static final Pattern SPAN = Pattern.compile(
            "\n\u0010(?<trace>.{16})\u0012\u0008.{8}(?:\"\u0008.{8})?\\*(?<length>.)(?<name>[\\x20-\\x7e]{1,60})",
            Pattern.DOTALL);

    @Test
    void refresh_is_one_trace_with_a_span_for_each_statement_and_no_value_of_a_row() throws Exception {
        List<String> received = new CopyOnWriteArrayList<>();
        HttpServer collector = HttpServer.create(new InetSocketAddress("localhost", 0), 0);
        collector.createContext("/", exchange -> {
            received.add(new String(exchange.getRequestBody().readAllBytes(), ISO_8859_1));
            exchange.sendResponseHeaders(200, -1);
            exchange.close();
        });
        collector.start();
        try (PostgresServer server = new PostgresServer("traces", Map.of())) {
            DataSource database = server.createDatabase("traced");
            try (SqlClient client = new SqlClient(database);
                    ServiceProcess service = ServiceProcess.start(
                            server,
                            "traced",
                            "quarkus.otel.sdk.disabled=false",
                            "quarkus.otel.exporter.otlp.protocol=http/protobuf",
                            "quarkus.otel.exporter.otlp.endpoint=http://localhost:"
                                    + collector.getAddress().getPort(),
                            "quarkus.otel.bsp.schedule.delay=200ms")) {
                client.run("CREATE TABLE orders (id int PRIMARY KEY, customer text)");
                client.run(
                        "SELECT runnel.create_stream_table('counts', 'SELECT customer, count(*) AS n FROM orders GROUP"
                                + " BY 1', '1s')");
                client.run("CALL runnel.sync('counts')");
                client.run("INSERT INTO orders VALUES (1, 'secret-of-a-row')");
                client.run("CALL runnel.sync('counts')");
                Await.until(
                        () -> "a trace with a refresh and its statements: " + traces(received),
                        () -> traces(received).values().stream().anyMatch(TracesIT::whole));
                assertThat(service.get("/api/v1/read-models/counts/rows?customer=eq.secret-of-a-row")
                                .body())
                        .contains("secret-of-a-row");
                Await.until(
                        () -> "a trace of the request",
                        () -> String.join("", received).contains("/api/v1/read-models"));
            }
        } finally {
            collector.stop(0);
        }
        // The request's own path is the caller's to choose; statements have no values.
        assertThat(received)
                .noneMatch(batch ->
                        batch.replaceAll("customer=eq\\.secret-of-a-row", "").contains("secret-of-a-row"));
    }

    @Test
    void log_can_be_had_as_json() throws Exception {
        try (PostgresServer server = new PostgresServer("json_log", Map.of())) {
            server.createDatabase("logged");
            try (ServiceProcess service =
                    ServiceProcess.launch(server.url("postgres", "logged"), "quarkus.log.console.json.enabled=true")) {
                service.awaitLine("\"message\":\"security: off");
                service.awaitLine("\"message\":\"service:  ");
                ObjectMapper json = new ObjectMapper();
                List<String> lines = service.lines().stream()
                        .filter(line -> line.contains("io.runnel"))
                        .toList();
                assertThat(lines).isNotEmpty();
                for (String line : lines) {
                    assertThat(json.readTree(line).path("level").asText()).isNotEmpty();
                }
            }
        }
    }

    private static boolean whole(List<String> names) {
        return names.contains("refresh") && names.size() > 3;
    }

    private static Map<String, List<String>> traces(List<String> received) {
        Map<String, List<String>> traces = new HashMap<>();
        for (String batch : received) {
            for (Matcher span = SPAN.matcher(batch); span.find(); ) {
                String name = span.group("name");
                traces.computeIfAbsent(span.group("trace"), trace -> new CopyOnWriteArrayList<>())
                        .add(name.substring(
                                0, Math.min(name.length(), span.group("length").charAt(0))));
            }
        }
        return traces.values().stream()
                .collect(
                        Collectors.toMap(names -> Integer.toHexString(System.identityHashCode(names)), names -> names));
    }
}
