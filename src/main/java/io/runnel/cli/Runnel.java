package io.runnel.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ScopeType;

/** The commands. Each is one or two requests, whose answers are printed. */
@Command(
        name = "runnel",
        description = "Talks to a Runnel service; without a command, runs one.",
        mixinStandardHelpOptions = true,
        footer = {
            "",
            "RUNNEL_URL is the address of the service (http://localhost:8080), RUNNEL_API_KEY a key for it.",
            "Exit codes: 0 done, 1 refused, 2 wrong usage, 3 not as it should be (verify, status, diagnose),",
            "4 unavailable, 5 not allowed."
        })
final class Runnel {

    private static final String URL = "http://localhost:8080";

    private final Map<String, String> environment;
    private final PrintWriter out;

    @Option(names = "--url", description = "Address of the service; RUNNEL_URL otherwise", scope = ScopeType.INHERIT)
    private @Nullable String url;

    @Option(
            names = "--key-file",
            description = "File that holds the key; RUNNEL_API_KEY otherwise",
            scope = ScopeType.INHERIT)
    private @Nullable Path keyFile;

    @Option(names = "--json", description = "Print what the service answers", scope = ScopeType.INHERIT)
    private boolean json;

    Runnel(Map<String, String> environment, PrintWriter out) {
        this.environment = environment;
        this.out = out;
    }

    @Command(name = "list", description = "List the read models of all kinds.")
    int list() {
        return table(
                client().get("/read-models"), "name", "kind", "status", "schedule", "lagSeconds", "consecutiveErrors");
    }

    @Command(name = "show", description = "Show a read model.")
    int show(@Parameters(paramLabel = "NAME") String name) {
        Model model = model(name);
        return properties(client().get(model.path()));
    }

    @Command(name = "create", description = "Create a read model from a file, as JSON that REST takes.")
    int create(
            @Option(
                            names = {"-f", "--file"},
                            required = true,
                            description = "The file; - for standard input")
                    String file,
            @Option(
                            names = "--kind",
                            defaultValue = "stream-table",
                            description = "stream-table, projection, materialized-view or event-log")
                    String kind,
            @Option(names = "--replace", description = "Replace a stream table that is there") boolean replace) {
        ObjectNode definition = definition(file);
        JsonNode given = definition.remove("kind");
        String path = "/" + (given == null ? kind : given.asText()) + "s";
        String name = definition.path("name").asText();
        boolean put = replace && path.equals("/stream-tables");
        return properties(client().send(
                        put ? "PUT" : "POST",
                        put ? path + "/" + Client.segment(name) : path,
                        Optional.of(definition.toString())));
    }

    @Command(name = "alter", description = "Alter a read model by the properties in a file.")
    int alter(
            @Parameters(paramLabel = "NAME") String name,
            @Option(
                            names = {"-f", "--file"},
                            required = true,
                            description = "The file; - for standard input")
                    String file) {
        return properties(client().send(
                        "PATCH",
                        model(name).path(),
                        Optional.of(definition(file).toString())));
    }

    @Command(name = "validate", description = "Tell how a query would be maintained.")
    int validate(
            @Option(
                            names = {"-f", "--file"},
                            description = "File with the query; - for standard input")
                    @Nullable
                    String file,
            @Option(
                            names = {"-q", "--query"},
                            description = "The query")
                    @Nullable
                    String query) {
        if ((file == null) == (query == null)) {
            throw new Refused(Exit.USAGE, "give either a query with -q or a file with -f");
        }
        String text = query == null ? content(java.util.Objects.requireNonNull(file)) : query;
        ObjectNode body = JsonNodeFactory.instance.objectNode().put("query", text);
        return explained(client().send("POST", "/validate", Optional.of(body.toString())));
    }

    @Command(name = "explain", description = "Show how a stream table is maintained, and why not differentially.")
    int explain(@Parameters(paramLabel = "NAME") String name) {
        return explained(client().get(streamTable(name) + "/explain"));
    }

    private int explained(JsonNode explanation) {
        if (json) {
            return properties(explanation);
        }
        out.println(explanation.path("mode").asText());
        explanation
                .path("refusals")
                .forEach(refusal ->
                        out.println("  because " + refusal.path("reason").asText()));
        explanation
                .path("operators")
                .forEach(operator ->
                        out.println("  ".repeat(1 + operator.path("depth").asInt())
                                + operator.path("operator").asText() + ": "
                                + operator.path("maintenance").asText()));
        return Exit.DONE;
    }

    @Command(name = "refresh", description = "Refresh a stream table or materialized view now.")
    int refresh(@Parameters(paramLabel = "NAME") String name) {
        return properties(client().post(model(name).path() + "/refresh"));
    }

    @Command(name = "verify", description = "Compare a stream table with its query; 3 if they differ.")
    int verify(@Parameters(paramLabel = "NAME") String name) {
        JsonNode found = client().post(streamTable(name) + "/verify");
        return properties(found, found.path("equal").asBoolean());
    }

    @Command(name = "pause", description = "Stop refreshing a read model.")
    int pause(@Parameters(paramLabel = "NAME") String name) {
        return properties(client().post(model(name).path() + "/pause"));
    }

    @Command(name = "resume", description = "Go on after a pause or errors.")
    int resume(@Parameters(paramLabel = "NAME") String name) {
        return properties(client().post(model(name).path() + "/resume"));
    }

    @Command(name = "approve", description = "Let the next refresh of a stream table change as much as it has to.")
    int approve(@Parameters(paramLabel = "NAME") String name) {
        return properties(client().post(streamTable(name) + "/approve"));
    }

    @Command(name = "rebuild", description = "Compute a stream table anew, or handle all events of a projection again.")
    int rebuild(@Parameters(paramLabel = "NAME") String name) {
        Model model = model(name);
        String action =
                switch (model.kind()) {
                    case "stream-table" -> "/reinitialize";
                    case "projection" -> "/rebuild";
                    default -> "/refresh";
                };
        return properties(client().post(model.path() + action));
    }

    @Command(name = "drop", description = "Drop a read model.")
    int drop(
            @Parameters(paramLabel = "NAME") String name,
            @Option(names = "--cascade", description = "With the stream tables that read it") boolean cascade) {
        String path = model(name).path() + (cascade ? "?cascade=true" : "");
        return properties(client().send("DELETE", path, Optional.empty()));
    }

    @Command(name = "history", description = "List the latest refreshes.")
    int history(
            @Parameters(paramLabel = "NAME") String name,
            @Option(names = "--limit", defaultValue = "20", description = "How many (${DEFAULT-VALUE})") int limit) {
        return table(
                client().get(model(name).path() + "/history?limit=" + limit),
                "startedAt",
                "mode",
                "durationMillis",
                "changes",
                "rowsInserted",
                "rowsUpdated",
                "rowsDeleted",
                "reason",
                "error");
    }

    @Command(name = "lag", description = "Show how far each read model is behind.")
    int lag(
            @Option(names = "--watch", description = "Again and again") boolean watch,
            @Option(names = "--interval", defaultValue = "2", description = "Seconds between (${DEFAULT-VALUE})")
                    int interval,
            @Option(names = "--times", defaultValue = "0", description = "How often; 0 for no end") int times)
            throws InterruptedException {
        for (int time = 1; ; time++) {
            int exit = table(client().get("/read-models"), "name", "lagSeconds", "status", "schedule", "refreshedAt");
            if (!watch || time == times) {
                return exit;
            }
            TimeUnit.SECONDS.sleep(Math.max(1, interval));
            out.println();
        }
    }

    @Command(name = "status", description = "Say whether everything is fresh, and if not, why; 3 if not.")
    int status() {
        JsonNode status = client().get("/status");
        boolean fresh = status.path("fresh").asBoolean();
        if (json) {
            return properties(status, fresh);
        }
        out.println(status.path("summary").asText());
        if (!fresh) {
            out.println(Columns.of(status.path("notFresh"), "name", "kind", "lagSeconds", "why"));
        }
        return fresh ? Exit.DONE : Exit.NOT_AS_IT_SHOULD_BE;
    }

    @Command(
            name = "diagnose",
            description = "Say what is wrong with a stream table and what to do; 3 if something is.")
    int diagnose(@Parameters(paramLabel = "NAME") String name) {
        JsonNode found = client().get(streamTable(name) + "/diagnose");
        boolean healthy = found.path("healthy").asBoolean();
        if (json) {
            return properties(found, healthy);
        }
        if (found.path("findings").isEmpty() || healthy) {
            out.println(found.path("summary").asText());
        }
        for (JsonNode finding : found.path("findings")) {
            out.println(finding.path("severity").asText() + ": "
                    + finding.path("what").asText());
            if (finding.hasNonNull("why")) {
                out.println("  why:  " + finding.get("why").asText());
            }
            out.println("  todo: " + finding.path("todo").asText());
        }
        return healthy ? Exit.DONE : Exit.NOT_AS_IT_SHOULD_BE;
    }

    @Command(name = "request", description = "Send any other request of the REST interface.")
    int request(
            @Parameters(paramLabel = "METHOD") String method,
            @Parameters(paramLabel = "PATH", description = "Below /api/v1, as in /graph") String path,
            @Option(
                            names = {"-f", "--file"},
                            description = "File with the body; - for standard input")
                    @Nullable
                    String file) {
        Optional<String> body = Optional.ofNullable(file).map(Runnel::content);
        out.println(client().send(method.toUpperCase(java.util.Locale.ROOT), path.replaceFirst("^/api/v1", ""), body)
                .toPrettyString());
        return Exit.DONE;
    }

    private Client client() {
        String address = url != null ? url : environment.getOrDefault("RUNNEL_URL", URL);
        Optional<String> key = keyFile != null
                ? Optional.of(content(keyFile.toString()).strip())
                : Optional.ofNullable(environment.get("RUNNEL_API_KEY")).filter(given -> !given.isBlank());
        return new Client(address, key);
    }

    /** A read model by its name; one without a schema is in public, if there is no projection of that name. */
    private Model model(String name) {
        for (String wanted : new String[] {name, "public." + name}) {
            for (JsonNode model : client().get("/read-models")) {
                if (model.path("name").asText().equals(wanted)) {
                    return new Model(wanted, model.path("kind").asText());
                }
            }
        }
        throw new Refused(
                Exit.REFUSED, "there is no read model " + name + "\nhint: runnel list shows those that there are");
    }

    private static String streamTable(String name) {
        return new Model(name, "stream-table").path();
    }

    private record Model(String name, String kind) {
        String path() {
            return "/" + kind + "s/" + Client.segment(name);
        }
    }

    private static ObjectNode definition(String file) {
        try {
            if (Client.JSON.readTree(content(file)) instanceof ObjectNode object) {
                return object;
            }
        } catch (JsonProcessingException e) {
            throw new Refused(Exit.USAGE, file + " is not JSON: " + e.getOriginalMessage());
        }
        throw new Refused(Exit.USAGE, file + " does not hold one JSON object");
    }

    private static String content(String file) {
        try {
            return file.equals("-")
                    ? new String(System.in.readAllBytes(), java.nio.charset.StandardCharsets.UTF_8)
                    : Files.readString(Path.of(file));
        } catch (IOException e) {
            throw new Refused(Exit.USAGE, file + " cannot be read: " + e.getMessage());
        }
    }

    private int table(JsonNode objects, String... columns) {
        out.println(json ? objects.toPrettyString() : Columns.of(objects, columns));
        return Exit.DONE;
    }

    private int properties(JsonNode object) {
        return properties(object, true);
    }

    private int properties(JsonNode object, boolean right) {
        if (!object.isMissingNode()) {
            out.println(json ? object.toPrettyString() : Columns.properties(object));
        }
        return right ? Exit.DONE : Exit.NOT_AS_IT_SHOULD_BE;
    }
}
