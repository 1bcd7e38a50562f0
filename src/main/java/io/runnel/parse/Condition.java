package io.runnel.parse;

import io.runnel.operator.Expression;
import io.runnel.operator.Filter;
import io.runnel.operator.Opaque;
import io.runnel.operator.Operator;
import io.runnel.operator.TimeMark;
import io.runnel.operator.Unsupported;
import io.runnel.parse.Scalar.Piece;
import io.runnel.parse.Translation.Translated;
import io.runnel.sql.Identifier;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * One of the conditions that must all be true.
 *
 * @param marks the comparisons with the time whose results it reads
 */
record Condition(Expression expression, Optional<Unsupported> problem, List<TimeMark.Comparison> marks) {

    /** A condition that reads nothing but columns. */
    Condition(Expression expression, Optional<Unsupported> problem) {
        this(expression, problem, List.of());
    }

    /** The columns that it reads, those of its comparisons with the time included. */
    Set<Identifier> reads() {
        Set<Identifier> references = new HashSet<>(expression.references());
        marks.forEach(mark -> {
            references.remove(mark.mark());
            references.addAll(mark.row().references());
        });
        return references;
    }

    /** Whether it reads columns, and only these. */
    boolean isOver(Set<Identifier> columns) {
        Set<Identifier> references = reads();
        return problem.isEmpty() && !references.isEmpty() && columns.containsAll(references);
    }

    boolean isTimed() {
        return !marks.isEmpty();
    }

    /** Takes those out of {@code conditions} that are over these columns alone. */
    static List<Condition> takeOver(List<Condition> conditions, Set<Identifier> columns) {
        List<Condition> taken = conditions.stream()
                .filter(condition -> condition.isOver(columns))
                .toList();
        conditions.removeAll(taken);
        return taken;
    }

    /** The rows for which all conditions are true. */
    static Operator filtered(Operator input, List<Condition> conditions) {
        List<Condition> understood = conditions.stream()
                .filter(condition -> condition.problem().isEmpty())
                .toList();
        Operator marked = input;
        for (Condition condition : understood) {
            marked = Clock.marked(marked, condition.marks());
        }
        Operator filtered = understood.isEmpty() ? marked : new Filter(marked, all(understood));
        for (Condition condition : conditions) {
            if (condition.problem().isPresent()) {
                filtered = new Opaque(
                        "filter",
                        List.of(filtered),
                        filtered.columns(),
                        condition.problem().get());
            }
        }
        return filtered;
    }

    /** The condition of a join with a function, which cannot compare with the time: no operator below has its columns. */
    static Condition one(List<Condition> conditions, Problems problems, Query.Joined join) {
        Optional<Unsupported> problem = conditions.stream()
                .flatMap(condition -> condition.problem().stream())
                .findFirst();
        if (problem.isEmpty() && conditions.stream().anyMatch(Condition::isTimed)) {
            problem = Optional.of(problems.add(Clock.MISPLACED, join.operator().get(0)));
        }
        return new Condition(all(conditions), problem);
    }

    /** All conditions as one. */
    static Expression all(List<Condition> conditions) {
        return and(conditions.stream().map(Condition::expression).toList());
    }

    /** All expressions, each of which stands by itself between ANDs, as one. */
    static Expression and(List<Expression> conditions) {
        List<Expression.Part> parts = new ArrayList<>();
        for (Expression condition : conditions) {
            if (!parts.isEmpty()) {
                parts.add(new Expression.Text(" AND "));
            }
            parts.addAll(condition.parts());
        }
        return merged(parts);
    }

    private static Expression merged(List<Expression.Part> parts) {
        List<Expression.Part> merged = new ArrayList<>();
        for (Expression.Part part : parts) {
            int last = merged.size() - 1;
            if (last >= 0
                    && part instanceof Expression.Text text
                    && merged.get(last) instanceof Expression.Text before) {
                merged.set(last, new Expression.Text(before.text() + text.text()));
            } else {
                merged.add(part);
            }
        }
        return new Expression(merged);
    }

    /**
     * The conditions of a WHERE or ON: the operands of its topmost ANDs. PostgreSQL encloses each operand, and the
     * whole, in parentheses, unless it is a call, a column or the like, so that operands can be joined by AND again.
     */
    static List<Condition> split(Scalar scalar, Scope scope, Problems problems) {
        List<Condition> conditions = new ArrayList<>();
        for (List<Piece> operand : Pieces.conjuncts(scalar.pieces())) {
            Translated translated = Translation.condition(new Scalar(operand), scope, problems);
            conditions.add(new Condition(translated.expression(), translated.problem(), translated.marks()));
        }
        return conditions;
    }
}
