package io.runnel.operator;

import io.runnel.sql.Identifier;
import io.runnel.sql.Sql;
import java.util.List;
import java.util.Optional;
import java.util.function.Predicate;
import java.util.stream.Stream;

/**
 * A relational operator: one node of the tree that a query means.
 *
 * <p>Columns have names that are unique in the whole tree below the nearest projection, aggregation or union, so that
 * a join's columns are simply those of its inputs and an expression names a column without saying whose it is.
 *
 * <p>The delta rule of an operator sees its own fields and the named deltas and states of its inputs; it never looks
 * inside an input.
 */
public sealed interface Operator
        permits Scan,
                OneRow,
                FunctionScan,
                Filter,
                Projection,
                TimeMark,
                Join,
                OuterJoin,
                MarkJoin,
                UnionAll,
                Padding,
                Distinct,
                Aggregation,
                Recursion,
                RecursiveReference,
                Window,
                Limit,
                Opaque {

    /** The operator's name for people, as in "inner join". */
    String label();

    /** How the operator is kept fresh, in one sentence for people. */
    String maintenance();

    /** What the cost of its delta grows with. */
    CostClass cost(Types types);

    /** The names of its columns, in order. */
    List<Identifier> columns();

    /**
     * Those of its columns whose type only PostgreSQL can tell, because it computes them. Any other column passes through
     * from the first input that has it.
     */
    default List<Identifier> computed() {
        return List.of();
    }

    /** The operators that it reads, in order. */
    List<Operator> inputs();

    /** Whether a column of this operator is proven never to be null. */
    default boolean notNull(Identifier column) {
        return false;
    }

    /** Why this operator, regardless of its inputs, cannot be maintained incrementally. */
    default Optional<Unsupported> unsupported() {
        return Optional.empty();
    }

    /**
     * The change of this operator's result as a query of {@link #columns()} and a bigint {@code weight}. A row may
     * appear several times, also with weights that cancel. Called only while at least one input has changed.
     */
    Sql delta(Deltas deltas);

    /** This operator's result over {@code states}, as a query of {@link #columns()}: the bag, without weights. */
    Sql result(States states);

    /** This operator's rows as the snapshot sees them, while deltas are derived; as {@link #result} by default. */
    default Sql post(Deltas deltas) {
        return result(deltas::post);
    }

    /**
     * Whether the operator's rows before its change can be read, given which of its inputs are {@link Deltas#remembered}.
     * An operator with an auxiliary table always remembers.
     */
    default boolean remembered(Predicate<Operator> inputs) {
        return !inputs().isEmpty() && inputs().stream().allMatch(inputs);
    }

    /** This operator's rows as the previous refresh saw them; only if it is remembered. */
    default Sql pre(Deltas deltas) {
        return result(deltas::pre);
    }

    /** The tables that the operator keeps beside the result, over the post-states of its inputs. */
    default List<AuxiliaryState> auxiliaryStates(States states, Types types) {
        return List.of();
    }

    /** This operator and all below it, inputs first. */
    default Stream<Operator> walk() {
        return Stream.concat(inputs().stream().flatMap(Operator::walk), Stream.of(this));
    }
}
