package io.runnel.api;

import io.runnel.catalog.Statuses;
import io.runnel.catalog.StreamTableStatus;
import io.runnel.postgres.Database;
import io.runnel.postgres.Row;
import io.runnel.sql.QualifiedName;
import io.runnel.sql.Sql;
import io.smallrye.mutiny.Uni;
import jakarta.enterprise.context.ApplicationScoped;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.eclipse.microprofile.openapi.annotations.media.Schema;

/** Reads the dependency graph. */
@ApplicationScoped
class Graph {

    private static final Sql EDGES = Sql.of("""
            SELECT schema_name::text AS schema_name, table_name::text AS table_name,
                source_schema::text AS source_schema, source_name::text AS source_name, captured
            FROM runnel.dependencies
            WHERE source_name IS NOT NULL
            ORDER BY 3, 4, 1, 2""");

    private final Database database;
    private final Statuses statuses;

    Graph(Database database, Statuses statuses) {
        this.database = database;
        this.statuses = statuses;
    }

    Uni<View> read() {
        return statuses.all()
                .flatMap(tables ->
                        database.session(session -> session.query(EDGES)).map(rows -> view(tables, rows)));
    }

    private static View view(List<StreamTableStatus> tables, List<Row> rows) {
        Map<String, Node> nodes = new LinkedHashMap<>();
        for (StreamTableStatus table : tables) {
            String name = table.name().display();
            nodes.put(name, new Node(name, "stream-table", Optional.of(table.status())));
        }
        List<Edge> edges = new ArrayList<>();
        for (Row row : rows) {
            String from = name(row, "source_schema", "source_name");
            nodes.computeIfAbsent(from, name -> new Node(name, "source", Optional.empty()));
            edges.add(new Edge(from, name(row, "schema_name", "table_name"), row.truth("captured")));
        }
        return new View(List.copyOf(nodes.values()), List.copyOf(edges));
    }

    private static String name(Row row, String schema, String name) {
        return QualifiedName.of(row.text(schema), row.text(name)).display();
    }

    record View(List<Node> nodes, List<Edge> edges) {}

    record Node(
            String name,
            @Schema(description = "stream-table or source") String kind,
            Optional<String> status) {}

    record Edge(
            @Schema(description = "What is read") String from,

            @Schema(description = "The stream table that reads it")
            String to,

            @Schema(description = "Whether its changes are captured")
            boolean captured) {}
}
