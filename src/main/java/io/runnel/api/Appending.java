package io.runnel.api;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.runnel.api.EventsResource.Event;
import io.runnel.api.EventsResource.Place;
import io.runnel.postgres.Confined;
import io.runnel.postgres.Failure;
import io.runnel.postgres.Row;
import io.runnel.sql.QualifiedName;
import io.runnel.sql.Sql;
import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.Uni;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Appends the events of one request by one statement. Which of them was wrong a statement for all does not tell, so after a
 * failure they are appended one by one, up to that one.
 */
final class Appending {

    /** The code of the failure when an entity has another version than the expected one. */
    static final String CONFLICT = "version-conflict";

    private static final Sql APPEND = Sql.of("""
            SELECT appended."position", appended.version
            FROM jsonb_array_elements(($1)[2]::jsonb) WITH ORDINALITY AS given (event, place),
              runnel.append(($1)[1], event ->> 'entity', event ->> 'type', event -> 'body',
                (event ->> 'expectedVersion')::bigint, event -> 'metadata', (event ->> 'occurredAt')::timestamptz)
                AS appended
            ORDER BY given.place""");
    private static final Sql PLACE = Sql.of("\"position\" bigint, version bigint");

    private Appending() {}

    /** In their order; fails with the index of the first that cannot be appended. */
    static Uni<List<Place>> append(Confined confined, QualifiedName log, List<Event> events) {
        List<ObjectNode> given = events.stream().map(Appending::json).toList();
        return events.size() == 1
                ? oneByOne(confined, log, given)
                : confined.attempt(
                        () -> run(confined, log, given), Appending::blamed, () -> oneByOne(confined, log, given));
    }

    private static ObjectNode json(Event event) {
        ObjectNode json = JsonNodeFactory.instance
                .objectNode()
                .put("entity", Inputs.text("entity", event.entity()))
                .put("type", Inputs.text("type", event.type()));
        // Absent is none, while the JSON null is a body.
        if (event.body() != null) {
            json.set("body", event.body());
        }
        if (event.expectedVersion() != null) {
            json.put("expectedVersion", event.expectedVersion());
        }
        if (event.metadata() != null) {
            json.set("metadata", event.metadata());
        }
        if (event.occurredAt() != null) {
            json.put("occurredAt", event.occurredAt().toString());
        }
        return json;
    }

    private static Uni<List<Place>> oneByOne(Confined confined, QualifiedName log, List<ObjectNode> events) {
        return Multi.createFrom()
                .iterable(IntStream.range(0, events.size()).boxed().toList())
                .onItem()
                .transformToUniAndConcatenate(index -> run(confined, log, List.of(events.get(index)))
                        .onFailure(Failure.class)
                        .transform(thrown -> at(index, thrown)))
                .onItem()
                .transformToIterable(places -> places)
                .collect()
                .asList();
    }

    private static Uni<List<Place>> run(Confined confined, QualifiedName log, List<ObjectNode> events) {
        ArrayNode given = JsonNodeFactory.instance.arrayNode(events.size()).addAll(events);
        return confined.planned(APPEND, PLACE, log.sql().text(), given.toString())
                .map(rows -> rows.stream().map(Appending::place).toList());
    }

    private static Place place(Row row) {
        return new Place(row.number("position"), row.number("version"));
    }

    /** Whether one of the events is to blame for a failure. */
    private static boolean blamed(Failure failure) {
        return failure instanceof Failure.Invalid || failure.code().equals(CONFLICT);
    }

    /** Says which event it was, if that is what is wrong. */
    private static Failure at(int index, Failure failure) {
        String message = "events[" + index + "]: " + failure.message();
        if (failure instanceof Failure.Invalid) {
            return new Failure.Invalid(failure.code(), message, failure.detail(), failure.hint(), 0);
        } else if (failure.code().equals(CONFLICT)) {
            return new Failure.Conflict(CONFLICT, message, failure.detail(), failure.hint());
        }
        return failure;
    }
}
