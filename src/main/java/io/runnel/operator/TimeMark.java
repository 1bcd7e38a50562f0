package io.runnel.operator;

import io.runnel.sql.Identifier;
import io.runnel.sql.Sql;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;
import java.util.stream.Stream;

/**
 * Time as an input: adds a column that says how a value of the row compares with the current time, as in
 * {@code occurred_at > now() - interval '1 hour'}. With t the moment of the last refresh, t' that of this one:
 *
 * <pre>
 *   m[t](R) = each row of R with x op F(t)
 *   Δ m(R)  = m[t](ΔR) + m[t'](σ[moved](R')) − m[t](σ[moved](R'))        (R' the post-state)
 *   moved   = x between F(t) and F(t'), and the comparison has another result at t' than at t
 * </pre>
 *
 * <p>Every order has the property that a comparison with F(t) and one with F(t') differ only for values between the two,
 * whichever is the later; so an index on x finds the rows. O(|ΔR| + rows between), or reads all of R' where x has no index.
 * A null x compares as null at any time. F reads nothing but the time and constants, and is never null. Shape: the columns
 * of the input and the mark.
 */
public record TimeMark(Operator input, Comparison comparison) implements Operator {

    /** The one column of {@link Comparison#bound}: the current time. */
    public static final Identifier NOW = Identifier.of("now");

    private static final Identifier INPUT = Identifier.of("r");
    private static final String CURRENT = "pg_catalog.now()";
    private static final String COMPARED = "({} {} {})";
    private static final String RESULT = """
            SELECT {}
            FROM {} AS r""";
    private static final String MARK = "{} AS {}";
    private static final String CHANGED = """
            SELECT {}, r.weight
            FROM {} AS r
            UNION ALL
            """;
    private static final String MOVED = """
            SELECT {}, m.weight
            FROM {} AS r
            CROSS JOIN LATERAL (VALUES ({}, 1::bigint), ({}, (-1)::bigint)) AS m ({}, weight)
            WHERE {} >= LEAST({}, {})
              AND {} <= GREATEST({}, {})
              AND {} IS DISTINCT FROM {}""";

    /**
     * A comparison with the current time.
     *
     * @param mark the column that holds its result
     * @param row what is compared, over the input's columns
     * @param operator as PostgreSQL prints it: {@code <}, {@code IS DISTINCT FROM}
     * @param bound what it is compared with, over the column {@link #NOW}
     */
    public record Comparison(Identifier mark, Expression row, String operator, Expression bound) {

        private Sql at(Sql moment) {
            return Sql.of(COMPARED, row.over(INPUT), Sql.printedByPostgres(operator), bound(moment));
        }

        private Sql bound(Sql moment) {
            return bound.render(now -> moment);
        }
    }

    @Override
    public String label() {
        return "comparison with the time";
    }

    @Override
    public String maintenance() {
        return "linear: compares changed rows, and those whose comparison has changed since the last refresh";
    }

    @Override
    public CostClass cost(Types types) {
        return CostClass.MOMENTS;
    }

    @Override
    public List<Identifier> columns() {
        return Stream.concat(input.columns().stream(), Stream.of(comparison.mark()))
                .toList();
    }

    @Override
    public List<Identifier> computed() {
        return List.of(comparison.mark());
    }

    @Override
    public boolean notNull(Identifier column) {
        return !column.equals(comparison.mark()) && input.notNull(column);
    }

    @Override
    public List<Operator> inputs() {
        return List.of(input);
    }

    @Override
    public Sql delta(Deltas deltas) {
        Sql now = Sql.of(CURRENT);
        Sql before = deltas.moment();
        Sql moved = Sql.of(
                MOVED,
                with(Sql.of("m.{}", comparison.mark())),
                deltas.post(input),
                comparison.at(now),
                comparison.at(before),
                comparison.mark(),
                comparison.row().over(INPUT),
                comparison.bound(before),
                comparison.bound(now),
                comparison.row().over(INPUT),
                comparison.bound(before),
                comparison.bound(now),
                comparison.at(now),
                comparison.at(before));
        if (!deltas.changed(input)) {
            return moved;
        }
        Sql mark = Sql.of(MARK, comparison.at(before), comparison.mark());
        Sql changed = Sql.of(CHANGED, with(mark), deltas.of(input));
        return Sql.of("{}{}", changed, moved);
    }

    /** What the comparison said at another moment is not kept. */
    @Override
    public boolean remembered(Predicate<Operator> inputs) {
        return false;
    }

    @Override
    public Sql result(States states) {
        return Sql.of(RESULT, with(Sql.of(MARK, comparison.at(Sql.of(CURRENT)), comparison.mark())), states.of(input));
    }

    private List<Sql> with(Sql mark) {
        List<Sql> outputs = new ArrayList<>();
        input.columns().forEach(column -> outputs.add(Sql.of("r.{}", column)));
        outputs.add(mark);
        return outputs;
    }
}
