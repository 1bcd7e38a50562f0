package io.runnel.api;

import io.runnel.materialized.MaterializedViewStatus;
import io.runnel.materialized.MaterializedViews;
import io.runnel.postgres.Failure;
import io.runnel.security.Acting;
import io.runnel.sql.QualifiedName;
import io.runnel.sql.Sql;
import io.smallrye.mutiny.Uni;
import jakarta.enterprise.context.ApplicationScoped;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Defines materialized views through the SQL functions, which do all the work, and finds them. */
@ApplicationScoped
class MaterializedViewCommands {

    private static final Sql CREATE = Sql.of("""
            SELECT runnel.create_materialized_view(name => $1::text, query => $2::text,
              schedules => coalesce($3::text[], '{5m}'), time_zone => $4::text, refresh_kind => coalesce($5::text, 'AUTO'),
              unique_key => $6::text[], skip_unchanged => coalesce($7::boolean, true)) AS id""");
    private static final Sql ADOPT = Sql.of("""
            SELECT runnel.adopt_materialized_view(name => $1::text, schedules => coalesce($2::text[], '{5m}'),
              time_zone => $3::text, refresh_kind => coalesce($4::text, 'AUTO'), skip_unchanged => coalesce($5::boolean, true))
              AS id""");
    private static final Sql ALTER = Sql.of("""
            SELECT FROM runnel.alter_materialized_view(name => $1::text, schedules => $2::text[], time_zone => $3::text,
              refresh_kind => $4::text, skip_unchanged => $5::boolean)""");
    private static final Sql DROP = Sql.of("SELECT FROM runnel.drop_materialized_view($1::text, $2::boolean)");
    private static final Sql PAUSE = Sql.of("SELECT FROM runnel.pause_materialized_view($1::text)");
    private static final Sql RESUME = Sql.of("SELECT FROM runnel.resume_materialized_view($1::text)");
    private static final Sql REFRESH = Sql.of("SELECT runnel.refresh_materialized_view($1::text) AS request");

    /** Somebody may read the view for hours; the caller is told to come back instead of waiting as long. */
    private static final Sql PATIENCE = Sql.of("SET LOCAL lock_timeout = '10s'");

    static final String KIND = "MATERIALIZED_VIEW";

    private final Acting acting;
    private final MaterializedViews views;

    MaterializedViewCommands(Acting acting, MaterializedViews views) {
        this.acting = acting;
        this.views = views;
    }

    Uni<MaterializedViewStatus> find(QualifiedName name) {
        return views.find(name)
                .map(found -> found.orElseThrow(() -> new Failure.NotFound(
                        "no-materialized-view",
                        "materialized view " + name.display() + " is not managed",
                        "GET " + MaterializedViewsResource.PATH
                                + " lists those that are; POST one without a query to manage it")))
                .call(view -> acting.mayRead(KIND, view.id()));
    }

    Uni<Void> define(QualifiedName name, MaterializedViewRequest request) {
        String view = name.sql().text();
        @Nullable String query = text("query", request.query());
        String @Nullable [] schedules = texts("schedules", request.schedules());
        @Nullable String zone = text("timeZone", request.timeZone());
        @Nullable String kind = text("refreshKind", request.refreshKind());
        String @Nullable [] key = texts("uniqueKey", request.uniqueKey());
        if (query != null) {
            return call(CREATE, view, query, schedules, zone, kind, key, request.skipUnchanged());
        } else if (key != null) {
            throw new Failure.Invalid(
                    "invalid-request",
                    "uniqueKey is for a view that is created with a query",
                    "create the unique index yourself, before or after the view is adopted");
        }
        return call(ADOPT, view, schedules, zone, kind, request.skipUnchanged());
    }

    Uni<Void> alter(QualifiedName name, MaterializedViewRequest.Alteration request) {
        return call(
                ALTER,
                name.sql().text(),
                texts("schedules", request.schedules()),
                text("timeZone", request.timeZone()),
                text("refreshKind", request.refreshKind()),
                request.skipUnchanged());
    }

    /** @param keep whether the view itself stays; null if it does when it was adopted */
    Uni<Void> drop(QualifiedName name, @Nullable Boolean keep) {
        return call(DROP, name.sql().text(), keep);
    }

    Uni<Void> pause(QualifiedName name) {
        return call(PAUSE, name.sql().text());
    }

    Uni<Void> resume(QualifiedName name) {
        return call(RESUME, name.sql().text());
    }

    /** @return the number of the request */
    Uni<Long> refresh(QualifiedName name) {
        return acting.transaction(session -> session.one(REFRESH, name.sql().text()))
                .map(row -> row.orElseThrow().number("request"));
    }

    private Uni<Void> call(Sql function, @Nullable Object... values) {
        return acting.transaction(session -> session.execute(PATIENCE).flatMap(set -> session.query(function, values)))
                .replaceWithVoid();
    }

    private static @Nullable String text(String property, @Nullable String value) {
        return value == null ? null : Inputs.text(property, value);
    }

    private static String @Nullable [] texts(String property, @Nullable List<String> values) {
        return values == null
                ? null
                : values.stream().map(value -> Inputs.text(property, value)).toArray(String[]::new);
    }
}
