package io.runnel.api;

import io.runnel.postgres.Failure;
import java.util.Arrays;
import java.util.stream.Collectors;

/** What a document in a definition file can define; its properties are those of the request that creates it over REST. */
enum DefinitionKind {
    EVENT_LOG("EventLog", EventLogsResource.Request.class),
    PROJECTION("Projection", ProjectionRequest.class),
    STREAM_TABLE("StreamTable", CreateRequest.class),
    MATERIALIZED_VIEW("MaterializedView", MaterializedViewRequest.class);

    private final String title;
    private final Class<?> request;

    DefinitionKind(String title, Class<?> request) {
        this.title = title;
        this.request = request;
    }

    /** As it stands in files, in answers and in the catalog. */
    String title() {
        return title;
    }

    Class<?> request() {
        return request;
    }

    /** Whether it is a query above all, so that it can stand in a file of SQL. */
    boolean hasQuery() {
        return this == STREAM_TABLE || this == MATERIALIZED_VIEW;
    }

    static DefinitionKind of(String title) {
        return Arrays.stream(values())
                .filter(kind -> kind.title.equals(title))
                .findFirst()
                .orElseThrow(() -> new Failure.Invalid(
                        "unknown-kind",
                        title.isEmpty() ? "the document has no kind" : title + " is no kind of definition",
                        "write kind: and one of "
                                + Arrays.stream(values())
                                        .map(DefinitionKind::title)
                                        .collect(Collectors.joining(", "))));
    }
}
