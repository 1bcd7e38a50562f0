package io.runnel.api;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.runnel.postgres.Failure;
import io.runnel.rows.PageReader;
import io.runnel.rows.PageRequest;
import io.runnel.rows.Reading;
import io.runnel.rows.Requirement;
import io.runnel.rows.Requirement.Freshness;
import io.runnel.rows.Served;
import io.runnel.rows.ServedTables;
import io.runnel.security.Acting;
import io.runnel.sql.QualifiedName;
import io.smallrye.mutiny.Uni;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.ws.rs.core.HttpHeaders;
import jakarta.ws.rs.core.MediaType;
import jakarta.ws.rs.core.Response;
import java.net.URI;
import java.time.Duration;
import java.util.Locale;
import java.util.Optional;

/**
 * Serves rows that are as fresh as a client wants them: as they are if that will do; else after waiting, while what is missing
 * is made to happen; else from the query itself, or stale, or not at all.
 */
@ApplicationScoped
class FreshRows {

    static final String FRESHNESS = "Runnel-Freshness";
    static final String STALENESS = "Runnel-Staleness";
    static final String SNAPSHOT = "Runnel-Snapshot";

    private static final int RETRY_AFTER_SECONDS = 1;

    private final ServedTables tables;
    private final PageReader reader;
    private final Tokens tokens;
    private final ObjectMapper json;
    private final Acting acting;

    FreshRows(ServedTables tables, PageReader reader, Tokens tokens, ObjectMapper json, Acting acting) {
        this.tables = tables;
        this.reader = reader;
        this.tokens = tokens;
        this.json = json;
        this.acting = acting;
    }

    Uni<Response> read(String name, RowsParameters parameters, URI uri) {
        return find(name, parameters).flatMap(served -> {
            PageRequest page = parameters.page(served);
            refuseFallback(served, parameters);
            return reader.stored(served, page, parameters.requirement()).flatMap(reading -> {
                if (reading instanceof Reading.Page found) {
                    return answer(found, fresh(found, parameters), uri);
                }
                return afterWaiting(served, page, parameters, reading, uri);
            });
        });
    }

    /** To be read as the caller's role. The query itself is run as its owner's, for those who may see all that it returns. */
    private Uni<Served> find(String name, RowsParameters parameters) {
        return acting.caller()
                .flatMap(caller -> tables.find(Inputs.text("name", name), table(name))
                        .call(served -> parameters.fallback() == RowsParameters.Fallback.LIVE
                                ? acting.mayCompute(served.relation())
                                : Uni.createFrom().voidItem())
                        .map(served -> caller.databaseRole().map(served::readBy).orElse(served)));
    }

    /** The name as that of a table; a projection's may be none. */
    private static Optional<QualifiedName> table(String name) {
        try {
            return Optional.of(Inputs.name(name));
        } catch (Failure.Invalid notTable) {
            return Optional.empty();
        }
    }

    private static void refuseFallback(Served served, RowsParameters parameters) {
        if (parameters.fallback() == RowsParameters.Fallback.LIVE && !served.computable()) {
            throw new Failure.Invalid(
                    "no-definition",
                    served.table().display() + " has no query that could be run instead",
                    "use fallback=stale or fallback=error");
        }
    }

    /** Without a bound, what is not known to miss nothing is stale. */
    private static String fresh(Reading.Page page, RowsParameters parameters) {
        boolean complete = page.freshness().lagSeconds().map(lag -> lag == 0).orElse(false);
        return parameters.requirement().given() || complete ? "fresh" : "stale";
    }

    private Uni<Response> afterWaiting(
            Served served, PageRequest page, RowsParameters parameters, Reading before, URI uri) {
        if (parameters.waiting().isZero()) {
            return fallBack(served, page, parameters, before, uri);
        }
        return approach(served, 0, parameters.requirement().token(), System.nanoTime(), parameters.waiting())
                .flatMap(
                        included -> reader.stored(served, page, included ? Requirement.NONE : parameters.requirement()))
                .flatMap(reading -> reading instanceof Reading.Page found
                        ? answer(found, "waited", uri)
                        : fallBack(served, page, parameters, reading, uri));
    }

    /** Whether all that write the table have come to include what they must, in the time that there is for all of them. */
    private Uni<Boolean> approach(Served served, int index, Optional<String> token, long began, Duration limit) {
        if (index == served.models().size()) {
            return Uni.createFrom().item(true);
        }
        Served.Model model = served.models().get(index);
        Duration left = limit.minusNanos(System.nanoTime() - began);
        return tokens.approach(model.kind(), model.id(), token, left.isNegative() ? Duration.ZERO : left)
                .flatMap(included -> included
                        ? approach(served, index + 1, token, began, limit)
                        : Uni.createFrom().item(false));
    }

    private Uni<Response> fallBack(
            Served served, PageRequest page, RowsParameters parameters, Reading before, URI uri) {
        Uni<Reading> reading =
                switch (parameters.fallback()) {
                    case ERROR -> Uni.createFrom().item(before);
                    case STALE -> reader.stored(served, page, Requirement.NONE);
                    case LIVE -> reader.live(served, page, parameters.requirement());
                };
        String how = parameters.fallback().name().toLowerCase(Locale.ROOT);
        return reading.flatMap(found -> found instanceof Reading.Page rows
                ? answer(rows, how, uri)
                : Uni.createFrom().item(refuse(served, found.freshness())));
    }

    private static Response refuse(Served served, Freshness found) {
        String name = served.table().display();
        String lag = found.lagSeconds()
                .map(seconds -> String.format(Locale.ROOT, "it is %.3f seconds behind", seconds))
                .orElse("how far it is behind is not known");
        Problem problem = found.populated()
                ? Problem.of(
                        Response.Status.SERVICE_UNAVAILABLE,
                        "not-fresh",
                        name + " is not as fresh as asked for: " + lag,
                        "wait longer with wait=2s, or take what there is with fallback=stale or fallback=live")
                : Problem.of(
                        Response.Status.SERVICE_UNAVAILABLE,
                        "not-populated",
                        name + " was not filled yet",
                        "try again when its status is ACTIVE, or use fallback=live");
        return Response.fromResponse(problem.response())
                .header(HttpHeaders.RETRY_AFTER, RETRY_AFTER_SECONDS)
                .build();
    }

    private Uni<Response> answer(Reading.Page page, String how, URI uri) {
        Optional<String> next =
                page.next().map(cursor -> RowsParameters.next(uri.getRawPath(), uri.getRawQuery(), cursor));
        Response.ResponseBuilder answer = Response.ok(body(page, next), MediaType.APPLICATION_JSON)
                .header(FRESHNESS, how)
                .header(SNAPSHOT, page.freshness().snapshot());
        page.freshness()
                .lagSeconds()
                .ifPresent(lag -> answer.header(STALENESS, String.format(Locale.ROOT, "%.3f", lag)));
        next.ifPresent(link -> answer.header(HttpHeaders.LINK, "<" + link + ">; rel=\"next\""));
        return Uni.createFrom().item(answer.build());
    }

    /** The rows are JSON as PostgreSQL has printed it: read into numbers of ours they would lose digits. */
    private String body(Reading.Page page, Optional<String> next) {
        String rows = String.join(",\n", page.rows());
        return "{\"rows\":[" + rows + "]"
                + next.map(link -> ",\"next\":" + quoted(link)).orElse("") + "}";
    }

    private String quoted(String text) {
        try {
            return json.writeValueAsString(text);
        } catch (JsonProcessingException impossible) {
            throw new IllegalStateException("a text cannot be written as JSON", impossible);
        }
    }
}
