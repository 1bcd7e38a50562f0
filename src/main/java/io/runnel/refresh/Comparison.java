package io.runnel.refresh;

import io.runnel.operator.Cancellation;
import io.runnel.operator.ColumnType;
import io.runnel.sql.Identifier;
import io.runnel.sql.Sql;
import java.util.ArrayList;
import java.util.List;

/** Compares a stream table with its query, as bags of images. */
final class Comparison {

    private static final String COMPARE = """
            WITH change AS (
              SELECT {}, 1::bigint AS weight FROM {} AS v
              UNION ALL
              SELECT {}, (-1)::bigint FROM {} AS t
            ), net AS (
            {}
            )
            SELECT (SELECT count(*) FROM {}) AS rows,
              (SELECT coalesce(sum(weight), 0)::bigint FROM net WHERE weight > 0) AS missing,
              (SELECT coalesce(-sum(weight), 0)::bigint FROM net WHERE weight < 0) AS surplus""";

    /** What its row is declared as. */
    static final Sql COLUMNS = Sql.of("rows bigint, missing bigint, surplus bigint");

    private Comparison() {}

    static Sql query(MaintenancePlan plan) {
        List<Identifier> columns = plan.target().columns();
        List<Sql> expected = new ArrayList<>();
        List<Identifier> names = new ArrayList<>();
        for (int i = 0; i < columns.size(); i++) {
            expected.add(Sql.of("v.{} AS {}", plan.viewColumns().get(i), name(i)));
            names.add(name(i));
        }
        List<ColumnType> types = plan.target().types();
        return Sql.of(
                COMPARE,
                expected,
                plan.view(),
                columns.stream().map(column -> Sql.of("t.{}", column)).toList(),
                plan.target().table(),
                Cancellation.of(Sql.of("change"), names, name -> types.get(names.indexOf(name))),
                plan.target().table());
    }

    private static Identifier name(int position) {
        return Identifier.of("c" + position);
    }
}
