package io.runnel.parse;

import io.runnel.operator.Operator;
import io.runnel.parse.FromBuilder.From;
import io.runnel.parse.Mentions.Free;
import io.runnel.parse.Scalar.Sublink;
import io.runnel.parse.Translation.Translated;
import io.runnel.sql.Identifier;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** FROM and WHERE of a SELECT, and the subqueries of all expressions that are computed from its rows. */
final class FilteredRows {

    private final From from;
    private final Scope scope;
    private final Subqueries subqueries;
    private final List<Condition> conditions;

    FilteredRows(Build build, QueryBuilder queries, Query.Select select) {
        this.from = new FromBuilder(build, queries).build(select.from(), select.first());
        this.subqueries = new Subqueries(build, queries, new Subqueries.Context() {
            @Override
            public Optional<Identifier> column(Scalar.Column column) {
                return scope().resolve(column.alias(), column.column());
            }

            @Override
            public Translated translate(Scalar scalar) {
                return Translation.plain(scalar, scope(), build.problems());
            }
        });
        this.scope = from.scope().within(new Around() {
            @Override
            public Optional<Identifier> column(Free column) {
                return build.outer().column(column);
            }

            @Override
            public Optional<Translated> sublink(Sublink sublink, Asked asked) {
                return Optional.of(subqueries.translate(sublink, asked));
            }
        });
        this.conditions = new ArrayList<>(select.where()
                .map(where -> Condition.split(where, scope, build.problems()))
                .orElse(List.of()));
        from.asking().forEach(operand -> conditions.addAll(Condition.split(operand, scope, build.problems())));
    }

    /** The names that expressions over the rows may use. */
    Scope scope() {
        return scope;
    }

    /** Takes the conditions of WHERE out that read one of these columns. */
    List<Condition> takeOut(Set<Identifier> columns) {
        List<Condition> taken = conditions.stream()
                .filter(condition -> condition.reads().stream().anyMatch(columns::contains))
                .toList();
        conditions.removeAll(taken);
        return taken;
    }

    /** The rows. To be asked for when everything that reads them has been translated. */
    Operator operator() {
        List<Condition> late = conditions.stream().filter(subqueries::isRead).toList();
        List<Condition> early = conditions.stream()
                .filter(condition -> !late.contains(condition))
                .toList();
        return Condition.filtered(subqueries.apply(from.rows().operator(early)), late);
    }
}
