package io.runnel.operator;

import io.runnel.sql.Identifier;
import io.runnel.sql.Sql;
import java.util.List;
import java.util.Optional;

/**
 * {@code sum} and {@code avg} of numeric: Δ sum = Σ weight · x over the finite values.
 *
 * <p>Two things of PostgreSQL's result do not follow from the sum alone. NaN and the infinities cannot be subtracted, so
 * they are counted apart. And the result has as many decimals as the most precise value that is still there (1.5 + 1.25
 * is 2.75, without the 1.25 it is 1.5 and not 1.50), so the state counts the values of each scale: {@code scales} is
 * Σ 10^(15·scale), one number with 15 digits per scale, whose length tells the largest scale in use.
 */
record NumericSumFunction(String prefix, boolean average, Identifier argument, Optional<Identifier> filter)
        implements AggregateFunction {

    private static final Identifier ROWS = Identifier.of("r");
    private static final Identifier CHANGES = Identifier.of("d");

    @Override
    public List<StateColumn> state() {
        return List.of(
                column("sum", finite(ROWS, "value"), finite(CHANGES, "value")),
                column("scales", finite(ROWS, "scale"), finite(CHANGES, "scale")),
                column("finite", counted(ROWS, "finite"), counted(CHANGES, "finite")),
                column("nan", counted(ROWS, "NaN"), counted(CHANGES, "NaN")),
                column("positive", counted(ROWS, "Infinity"), counted(CHANGES, "Infinity")),
                column("negative", counted(ROWS, "-Infinity"), counted(CHANGES, "-Infinity")));
    }

    private StateColumn column(String purpose, Sql fromRows, Sql change) {
        Identifier name = name(purpose);
        return new StateColumn(name, fromRows, change, Sql.of("coalesce(s.{}, 0) + t.{}", name, name));
    }

    private Sql finite(Identifier relation, String what) {
        Sql term = what.equals("value")
                ? Sql.of("{}.{}", relation, argument)
                : Sql.of("('1e' || 15 * scale({}.{}))::numeric", relation, argument);
        Sql weighted = relation.equals(CHANGES) ? Sql.of("{} * d.weight", term) : term;
        return Sql.of("coalesce(sum({}){}, 0)", weighted, condition(relation, isFinite(relation)));
    }

    private Sql counted(Identifier relation, String what) {
        Sql condition = what.equals("finite")
                ? isFinite(relation)
                : Sql.of("{}.{} = {}::numeric", relation, argument, Sql.literal(what));
        return relation.equals(CHANGES)
                ? Sql.of("coalesce(sum(d.weight){}, 0)::bigint", condition(relation, condition))
                : Sql.of("count(*){}", condition(relation, condition));
    }

    private Sql isFinite(Identifier relation) {
        return Sql.of(
                "{}.{} < 'Infinity'::numeric AND {}.{} > '-Infinity'::numeric", relation, argument, relation, argument);
    }

    private Sql condition(Identifier relation, Sql condition) {
        return AggregateFunction.filter(relation, filter, Optional.of(condition));
    }

    @Override
    public Sql value(Identifier relation) {
        Sql special = Sql.of(
                """
                CASE
                  WHEN {}.{} > 0 OR ({}.{} > 0 AND {}.{} > 0) THEN 'NaN'::numeric
                  WHEN {}.{} > 0 THEN 'Infinity'::numeric
                  WHEN {}.{} > 0 THEN '-Infinity'::numeric
                  WHEN {}.{} > 0 THEN {}
                END""",
                relation,
                name("nan"),
                relation,
                name("positive"),
                relation,
                name("negative"),
                relation,
                name("positive"),
                relation,
                name("negative"),
                relation,
                name("finite"),
                finiteValue(relation));
        return special;
    }

    private Sql finiteValue(Identifier relation) {
        Sql sum =
                Sql.of("round({}.{}, (length({}.{}::text) - 1) / 15)", relation, name("sum"), relation, name("scales"));
        return average ? Sql.of("{} / {}.{}::numeric", sum, relation, name("finite")) : sum;
    }

    private Identifier name(String purpose) {
        return Identifier.of(prefix + "_" + purpose);
    }
}
