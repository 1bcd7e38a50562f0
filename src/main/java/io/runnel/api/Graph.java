package io.runnel.api;

import io.runnel.catalog.Statuses;
import io.runnel.catalog.StreamTableStatus;
import io.runnel.materialized.MaterializedViewStatus;
import io.runnel.materialized.MaterializedViews;
import io.runnel.postgres.Database;
import io.runnel.postgres.Row;
import io.runnel.postgres.Session;
import io.runnel.projection.ProjectionStatus;
import io.runnel.projection.Projections;
import io.runnel.security.Acting;
import io.runnel.sql.QualifiedName;
import io.runnel.sql.Sql;
import io.smallrye.mutiny.Uni;
import jakarta.enterprise.context.ApplicationScoped;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
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
    private static final Sql VIEW_EDGES = Sql.of("""
            SELECT schema_name::text AS schema_name, view_name::text AS table_name, source_schema::text AS source_schema,
                source_name::text AS source_name, watched AS captured
            FROM runnel.materialized_view_dependencies
            ORDER BY 3, 4, 1, 2""");

    /** From each log to its projections, and from these to their target tables. */
    private static final Sql PROJECTION_EDGES = Sql.of("""
            SELECT p.name, n.nspname::text AS schema_name, c.relname::text AS table_name, c.oid = p.relation AS log,
                p.log_id IS NOT NULL AS captured
            FROM runnel_internal.projection AS p
            JOIN pg_class AS c ON c.oid = p.relation OR c.oid = ANY (p.targets)
            JOIN pg_namespace AS n ON n.oid = c.relnamespace
            WHERE p.rebuild_of IS NULL
            ORDER BY p.name, c.oid <> p.relation, 2, 3""");

    private final Database database;
    private final Statuses statuses;
    private final MaterializedViews views;
    private final Projections projections;
    private final Acting acting;

    Graph(Database database, Statuses statuses, MaterializedViews views, Projections projections, Acting acting) {
        this.database = database;
        this.statuses = statuses;
        this.views = views;
        this.projections = projections;
        this.acting = acting;
    }

    Uni<View> read() {
        return Uni.combine()
                .all()
                .unis(
                        statuses.all(),
                        views.summaries(),
                        projections.all(),
                        database.session(Graph::edges),
                        acting.visible())
                .asTuple()
                .map(all -> view(
                        all.getItem1().stream()
                                .filter(table -> all.getItem5().includes(Lookup.KIND, table.id()))
                                .toList(),
                        all.getItem2().stream()
                                .filter(view -> all.getItem5().includes(MaterializedViewCommands.KIND, view.id()))
                                .toList(),
                        all.getItem3().stream()
                                .filter(projection -> all.getItem5().includes(ProjectionLookup.KIND, projection.id()))
                                .toList(),
                        all.getItem4()));
    }

    private static Uni<Rows> edges(Session session) {
        return session.query(EDGES)
                .flatMap(tables -> session.query(VIEW_EDGES)
                        .flatMap(views -> session.query(PROJECTION_EDGES)
                                .map(projections -> new Rows(tables, views, projections))));
    }

    private static View view(
            List<StreamTableStatus> tables,
            List<MaterializedViewStatus> managed,
            List<ProjectionStatus> projected,
            Rows rows) {
        Map<String, Node> nodes = new LinkedHashMap<>();
        tables.forEach(table -> add(nodes, table.name().display(), "stream-table", table.status()));
        managed.forEach(view -> add(nodes, view.name().display(), "materialized-view", view.status()));
        projected.forEach(projection -> add(nodes, projection.name(), "projection", projection.status()));
        Set<String> shown = Set.copyOf(nodes.keySet());
        List<Edge> edges = new ArrayList<>();
        for (Row row :
                Stream.concat(rows.tables().stream(), rows.views().stream()).toList()) {
            String reader = name(row, "schema_name", "table_name");
            if (shown.contains(reader)) {
                String from = source(nodes, name(row, "source_schema", "source_name"));
                edges.add(new Edge(from, reader, row.truth("captured")));
            }
        }
        for (Row row : rows.projections().stream()
                .filter(row -> shown.contains(row.text("name")))
                .toList()) {
            String table = source(nodes, name(row, "schema_name", "table_name"));
            edges.add(
                    row.truth("log")
                            ? new Edge(table, row.text("name"), row.truth("captured"))
                            : new Edge(row.text("name"), table, false));
        }
        return new View(List.copyOf(nodes.values()), List.copyOf(edges));
    }

    private static void add(Map<String, Node> nodes, String name, String kind, String status) {
        nodes.put(name, new Node(name, kind, Optional.of(status)));
    }

    private static String source(Map<String, Node> nodes, String name) {
        nodes.computeIfAbsent(name, unknown -> new Node(unknown, "source", Optional.empty()));
        return name;
    }

    private static String name(Row row, String schema, String name) {
        return QualifiedName.of(row.text(schema), row.text(name)).display();
    }

    private record Rows(List<Row> tables, List<Row> views, List<Row> projections) {}

    record View(List<Node> nodes, List<Edge> edges) {}

    record Node(
            String name,

            @Schema(description = "stream-table, materialized-view, projection or source")
            String kind,

            Optional<String> status) {}

    record Edge(
            @Schema(description = "What is read") String from,

            @Schema(description = "What reads it; the target of a projection, which writes it")
            String to,

            @Schema(description = "Whether its changes, or who writes to it, are recorded")
            boolean captured) {}
}
