package io.runnel.operator;

import io.runnel.sql.Identifier;
import io.runnel.sql.Sql;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.function.Function;

/**
 * Finds the rows of one input that gain their first match in another, or lose their last.
 *
 * <p>With {@code s(l)} telling whether a row {@code l} of the left input has a match on the right:
 *
 * <pre>
 *   Δ (L · s) = ΔL · s' + L₀ · Δs          (s' over the post-state, L₀ = L' − ΔL the pre-state)
 * </pre>
 *
 * <p>{@code Δs} needs no stored counts. Of a row of {@code L₀} that matches {@code ΔR} the number of matches has changed by
 * the sum of the weights there; it had none before exactly if it has just as many now, which is found by counting no
 * further than that. O(rows of L that match ΔR), whatever the condition.
 *
 * <p>ΔR is reduced to the columns of the condition first, so that a change of other columns touches nothing.
 */
final class Matching {

    /** Of {@link #turned}: how many copies of the row there were before. */
    static final Identifier COPIES = Identifier.of("copies");

    /** Of {@link #turned}: positive if the row has found its first match, negative if it has lost its last. */
    static final Identifier CHANGE = Identifier.of("change");

    private static final Identifier LEFT = Identifier.of("l");
    private static final Identifier RIGHT = Identifier.of("r");
    private static final Identifier NUMBER = Identifier.of("number");
    private static final String EXISTS = "EXISTS (SELECT FROM {} AS r WHERE {})";
    private static final String LOOKED_UP = "EXISTS (SELECT FROM {} AS r WHERE {} OFFSET 0)";
    private static final String REDUCED = "(SELECT {} FROM {} AS r)";
    private static final String NUMBERED = "SELECT d.*, row_number() OVER () AS number\nFROM ({}) AS d";
    private static final String PAIRS =
            "SELECT {}, r.number, r.weight AS change, {} AS copies\nFROM {} AS r\nJOIN {} AS l ON {}";
    private static final String ONCE = """
            SELECT {}, p.change, sum(p.copies) OVER {} AS copies, row_number() OVER {} AS "copy"
            FROM {} AS p""";
    private static final String SUMMED = """
            SELECT {}, p.copies, sum(p.change) OVER {} AS change, row_number() OVER {} AS "copy"
            FROM ({}) AS p
            WHERE p."copy" = 1""";
    private static final String TURNED = """
            SELECT {}, l.copies::bigint AS copies, l.change::bigint AS change
            FROM ({}) AS l
            WHERE l."copy" = 1 AND l.change <> 0 AND l.copies <> 0
              AND (SELECT count(*) FROM (SELECT FROM {} AS r WHERE {} LIMIT greatest(l.change, 0)::bigint + 1) AS m)
                = greatest(l.change, 0)""";

    private final Deltas deltas;
    private final Operator left;
    private final Operator right;
    private final Expression condition;

    /** Matches rows of {@code left} with those of {@code right} for which {@code condition} is true. */
    Matching(Deltas deltas, Operator left, Operator right, Expression condition) {
        this.deltas = deltas;
        this.left = left;
        this.right = right;
        this.condition = condition;
    }

    /** Whether the row {@code row} of the left input has a match on the right, in {@code rights}. */
    static Sql exists(Operator left, Expression condition, Identifier row, Sql rights) {
        return Sql.of(EXISTS, rights, condition(left, condition, row));
    }

    /** As {@link #exists}, in the post-state. */
    Sql exists(Identifier row) {
        boolean scattered = deltas.scattered(right, condition.references());
        return Sql.of(scattered ? LOOKED_UP : EXISTS, deltas.post(right), condition(left, condition, row));
    }

    /** The rows of the left input whose {@code s} has changed, one for each image, with {@link #COPIES} and {@link #CHANGE}. */
    Identifier turned(String purpose) {
        Identifier numbered = deltas.define(purpose + " numbered", Sql.of(NUMBERED, net()));
        Identifier pairs = deltas.define(purpose + " pairs", pairs(numbered));
        List<Sql> row = columns(Identifier.of("p"));
        List<Sql> image = Cancellation.image(Identifier.of("p"), left.columns(), types(left));
        List<Sql> numberedImage = new ArrayList<>(image);
        numberedImage.add(Sql.of("p.{}", NUMBER));
        Sql once = Sql.of(ONCE, row, window(numberedImage), window(numberedImage), pairs);
        Sql summed = Sql.of(SUMMED, row, window(image), window(image), once);
        return deltas.define(
                purpose, Sql.of(TURNED, columns(LEFT), summed, deltas.post(right), condition(left, condition, LEFT)));
    }

    private Sql net() {
        Set<Identifier> references = condition.references();
        List<Identifier> columns =
                right.columns().stream().filter(references::contains).toList();
        List<Sql> outputs = new ArrayList<>(
                columns.stream().map(column -> Sql.of("r.{}", column)).toList());
        outputs.add(Sql.of("r.weight"));
        return Cancellation.of(Sql.of(REDUCED, outputs, deltas.of(right)), columns, types(right));
    }

    private Sql pairs(Identifier numbered) {
        Sql on = condition(left, condition, LEFT);
        if (deltas.remembered(left)) {
            return Sql.of(PAIRS, columns(LEFT), Sql.of("1::bigint"), numbered, deltas.pre(left), on);
        }
        Sql now = Sql.of(PAIRS, columns(LEFT), Sql.of("1::bigint"), numbered, deltas.post(left), on);
        Sql arrived = Sql.of(PAIRS, columns(LEFT), Sql.of("-l.weight"), numbered, deltas.of(left), on);
        return Sql.of("{}\nUNION ALL\n{}", now, arrived);
    }

    private List<Sql> columns(Identifier relation) {
        List<Sql> columns = new ArrayList<>(left.columns().stream()
                .map(column -> Sql.of("{}.{}", relation, column))
                .toList());
        if (columns.isEmpty()) {
            columns.add(Sql.of("true AS present"));
        }
        return columns;
    }

    private static Sql window(List<Sql> image) {
        return image.isEmpty() ? Sql.of("()") : Sql.of("(PARTITION BY {})", image);
    }

    private Function<Identifier, ColumnType> types(Operator input) {
        return column -> deltas.type(input, column);
    }

    private static Sql condition(Operator left, Expression condition, Identifier row) {
        Set<Identifier> lefts = Set.copyOf(left.columns());
        return condition.render(column -> Sql.of("{}.{}", lefts.contains(column) ? row : RIGHT, column));
    }
}
