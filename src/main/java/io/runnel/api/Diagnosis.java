package io.runnel.api;

import io.runnel.catalog.Freshness;
import io.runnel.catalog.StreamTableStatus;
import io.runnel.definition.Explanation;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Collectors;
import org.eclipse.microprofile.openapi.annotations.media.Schema;

/** Says in sentences what is slow or broken about a stream table, why, and what to do. Pure. */
final class Diagnosis {

    /** How long a writer may be open before it is named. */
    static final Duration WRITER_MIN = Duration.ofSeconds(10);

    /** From how many bytes on a change buffer is called large. */
    static final long BUFFER_BYTES_LARGE = 64L << 20;

    /** From how many rows on a table without an index is worth a word. */
    static final long ROWS_LARGE = 10_000;

    /** How much of its schedule a refresh may take. */
    private static final double SHARE_MAX = 0.5;

    private final Facts facts;
    private final List<Finding> findings = new ArrayList<>();

    private Diagnosis(Facts facts) {
        this.facts = facts;
    }

    /**
     * What is known.
     *
     * @param recent its last refreshes, the latest first
     * @param explanation empty if the query cannot be read any more
     * @param listening whether notifications of writers arrive
     */
    record Facts(
            StreamTableStatus table,
            Optional<Freshness> freshness,
            List<History.Entry> recent,
            Optional<Explanation> explanation,
            Surroundings.Found found,
            boolean listening) {

        Facts {
            recent = List.copyOf(recent);
        }
    }

    @Schema(name = "Finding")
    record Finding(
            @Schema(description = "PROBLEM, WARNING or NOTE")
            String severity,

            @Schema(description = "Stable, in lower case with hyphens")
            String code,

            String what,
            Optional<String> why,
            String todo) {}

    @Schema(name = "Diagnosis")
    record View(
            String name,

            @Schema(description = "Whether there is neither a problem nor a warning")
            boolean healthy,

            String summary,
            List<Finding> findings) {}

    static View of(Facts facts) {
        Diagnosis diagnosis = new Diagnosis(facts);
        diagnosis.state();
        diagnosis.lag();
        diagnosis.writers();
        diagnosis.maintenance();
        diagnosis.speed();
        diagnosis.indexes();
        diagnosis.buffers();
        diagnosis.settings();
        List<Finding> found = List.copyOf(diagnosis.findings);
        long problems = count(found, "PROBLEM");
        long warnings = count(found, "WARNING");
        String name = facts.table().name().display();
        String summary = problems + warnings == 0
                ? name + " is in order."
                : name + " has " + problems + " problem(s) and " + warnings + " warning(s): "
                        + found.stream()
                                .filter(finding -> !finding.severity().equals("NOTE"))
                                .map(Finding::what)
                                .collect(Collectors.joining(" "));
        return new View(name, problems + warnings == 0, summary, found);
    }

    private static long count(List<Finding> findings, String severity) {
        return findings.stream()
                .filter(finding -> finding.severity().equals(severity))
                .count();
    }

    private void state() {
        StreamTableStatus table = facts.table();
        Optional<String> error = table.lastError().map(last -> last.message());
        Optional<String> hint = table.lastError().flatMap(last -> last.hint()).filter(text -> !text.isEmpty());
        String path = "POST " + StreamTablesResource.PATH + "/" + table.name().display();
        switch (table.status()) {
            case "SUSPENDED" -> suspended(table, error, hint, path);
            case "ERROR" ->
                problem(
                        "not-built",
                        "It could not be built, and is not refreshed.",
                        error,
                        hint.orElse("Correct the query") + "; PATCH it, or " + path
                                + "/resume once the cause is gone.");
            case "PAUSED" -> warning("paused", "Somebody has paused it.", Optional.empty(), path + "/resume goes on.");
            case "INITIALIZING" ->
                warning(
                        "initializing",
                        "It has not been filled yet.",
                        table.waitsFor().map(who -> "It waits for " + who + "."),
                        table.waitsFor().isPresent()
                                ? "Let that transaction end."
                                : "Wait; filling it takes as long as its query.");
            default -> {
                if (table.consecutiveErrors() > 0) {
                    problem(
                            "failing",
                            "Its last " + table.consecutiveErrors() + " refresh(es) failed; it is tried again.",
                            error,
                            hint.orElse("Remove the cause; after five errors in a row it is suspended."));
                }
            }
        }
    }

    private void suspended(StreamTableStatus table, Optional<String> error, Optional<String> hint, String path) {
        if (table.awaitsApproval()) {
            problem(
                    StreamTableStatus.CHANGE_TOO_LARGE,
                    "A refresh would change too much of it and was stopped; readers see the rows of before.",
                    error,
                    "See what has changed in its sources; then " + path + "/approve lets the next refresh do it.");
        } else {
            problem(
                    "suspended",
                    "It is suspended after " + table.consecutiveErrors()
                            + " errors in a row and not refreshed any more.",
                    error,
                    hint.map(text -> text + "; then ").orElse("Remove the cause, then ") + path + "/resume.");
        }
    }

    private void lag() {
        Optional<Double> seconds = facts.freshness().flatMap(freshness -> freshness.lagSeconds());
        if (facts.table().status().equals("ACTIVE")) {
            Verdict.late(facts.table().schedule(), seconds)
                    .ifPresent(late -> problem(
                            "late",
                            "It " + late + ".",
                            facts.freshness()
                                    .flatMap(freshness -> freshness.pendingChanges())
                                    .map(rows -> rows + " change rows are not applied yet."),
                            "See the other findings; if there are none, more refreshes are due than"
                                    + " RUNNEL_REFRESH_CONCURRENT_MAX allows at once, or no service schedules them."));
        }
        if (!facts.listening()) {
            warning(
                    "not-listening",
                    "The service does not hear the notifications of writers.",
                    Optional.of("Its own connection for them is gone."),
                    "It polls meanwhile and connects again; see its log if this stays.");
        }
    }

    private void writers() {
        for (Surroundings.Writer writer : facts.found().writers()) {
            warning(
                    "open-writer",
                    String.format(
                            Locale.ROOT,
                            "A transaction that holds a writer's lock on %s has been open for %.0f s.",
                            writer.table(),
                            writer.seconds()),
                    Optional.of(
                            "It is of process " + writer.pid() + ", role " + writer.role() + ", state " + writer.state()
                                    + "; what it has written can be applied only after its commit, and changes that"
                                    + " came later are kept in the buffer until then."),
                    "Let it commit, or end it with SELECT pg_terminate_backend(" + writer.pid() + ").");
        }
    }

    private void maintenance() {
        StreamTableStatus table = facts.table();
        facts.explanation()
                .filter(explained -> !explained.refusals().isEmpty())
                .ifPresent(explained -> add(
                        table.refreshMode().equals("FULL") ? "NOTE" : "WARNING",
                        "full",
                        "Each refresh computes the whole query anew.",
                        Optional.of(explained.refusals().stream()
                                .map(Explanation.Refusal::reason)
                                .collect(Collectors.joining("; "))),
                        "Rewrite that part of the query, or choose a longer schedule; POST /api/v1/validate"
                                + " tries a query out."));
        long chosen = facts.recent().stream()
                .filter(entry -> entry.mode().equals("FULL") && entry.reason().contains("differentially"))
                .count();
        if (chosen > 0
                && facts.explanation()
                        .filter(explained -> explained.refusals().isEmpty())
                        .isPresent()) {
            note(
                    "chosen-full",
                    chosen + " of the last " + facts.recent().size() + " refreshes computed everything anew by choice.",
                    facts.recent().stream()
                            .filter(entry -> entry.mode().equals("FULL"))
                            .map(History.Entry::reason)
                            .findFirst(),
                    "A shorter schedule makes smaller changes; refreshMode DIFFERENTIAL applies them whatever that"
                            + " costs.");
        }
    }

    private void speed() {
        Optional<Duration> promised = Verdict.promised(facts.table().schedule()).filter(promise -> !promise.isZero());
        List<Long> durations = facts.recent().stream()
                .filter(entry -> entry.mode().equals("FULL") || entry.mode().equals("DIFFERENTIAL"))
                .map(History.Entry::durationMillis)
                .sorted()
                .toList();
        if (promised.isEmpty() || durations.isEmpty()) {
            return;
        }
        long median = durations.get(durations.size() / 2);
        if (median > promised.get().toMillis() * SHARE_MAX) {
            warning(
                    "slow",
                    "A refresh takes " + median + " ms, while one is due every "
                            + facts.table().schedule() + ".",
                    Optional.of("The median of its last " + durations.size() + " refreshes."),
                    "Choose a longer schedule, or see what explain says each operator costs.");
        }
    }

    private void indexes() {
        for (Explanation.Lookup lookup : facts.found().withoutIndex()) {
            facts.found().sources().stream()
                    .filter(source -> source.name().equals(lookup.table()) && source.rows() >= ROWS_LARGE)
                    .forEach(source -> warning(
                            "missing-index",
                            "Refreshes look rows of " + lookup.table() + " up by " + String.join(", ", lookup.columns())
                                    + ", and no index leads to them.",
                            Optional.of("Each refresh then reads all of its about " + source.rows() + " rows."),
                            "CREATE INDEX ON " + lookup.table() + " (" + String.join(", ", lookup.columns()) + ")"));
        }
    }

    private void buffers() {
        facts.found().sources().stream()
                .filter(source -> source.bufferBytes() >= BUFFER_BYTES_LARGE)
                .forEach(source -> warning(
                        "large-buffer",
                        "The change buffer of " + source.name() + " has grown to " + (source.bufferBytes() >> 20)
                                + " MB.",
                        Optional.of("Changes are kept until every stream table over it has applied them."),
                        "GET /api/v1/sources names them; refresh, resume or drop the one that is behind."));
    }

    private void settings() {
        for (Surroundings.Source source : facts.found().sources()) {
            if (source.disabled()) {
                problem(
                        "trigger-disabled",
                        "A trigger that captures the changes of " + source.name() + " is switched off.",
                        Optional.of("Changes go unseen meanwhile; refreshes compute everything anew."),
                        "ALTER TABLE " + source.name() + " ENABLE ALWAYS TRIGGER ALL, or those of Runnel.");
            } else if (!source.captured()) {
                note(
                        "not-captured",
                        "Changes of " + source.name() + " are not captured.",
                        Optional.of("It is of a kind that triggers cannot watch, or the query is refreshed in full."),
                        "Nothing, if its schedule is what you want.");
            }
        }
        if (facts.found().polled() && facts.table().schedule().startsWith("on-change")) {
            note(
                    "polled",
                    "Its changes are polled for instead of being notified.",
                    Optional.of("The server allows prepared transactions, which cannot notify."),
                    "Set max_prepared_transactions = 0 if nobody prepares any.");
        }
    }

    private void problem(String code, String what, Optional<String> why, String todo) {
        add("PROBLEM", code, what, why, todo);
    }

    private void warning(String code, String what, Optional<String> why, String todo) {
        add("WARNING", code, what, why, todo);
    }

    private void note(String code, String what, Optional<String> why, String todo) {
        add("NOTE", code, what, why, todo);
    }

    private void add(String severity, String code, String what, Optional<String> why, String todo) {
        findings.add(new Finding(severity, code, what, why, todo));
    }
}
