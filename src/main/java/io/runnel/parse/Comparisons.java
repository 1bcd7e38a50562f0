package io.runnel.parse;

import io.runnel.operator.Expression;
import io.runnel.parse.Scalar.Sublink;
import io.runnel.parse.Subqueries.Context;
import java.util.ArrayList;
import java.util.List;

/** Writes what a subquery's rows are compared with. */
final class Comparisons {

    private Comparisons() {}

    /** The comparison of what stands left of the subquery with the values of one of its rows. */
    static Expression of(Sublink sublink, Context context, List<Expression> values) {
        if (values.size() != sublink.left().size()) {
            throw Refusal.notUnderstood(sublink.first());
        }
        List<Object> left = new ArrayList<>();
        List<Object> right = new ArrayList<>();
        for (int i = 0; i < values.size(); i++) {
            Expression operand = context.translate(sublink.left().get(i)).checked(sublink.first());
            left.add(i == 0 ? "" : ", ");
            left.add(operand);
            right.add(i == 0 ? "" : ", ");
            right.add(values.get(i));
        }
        String operator = sublink.operator().isEmpty()
                ? "="
                : Texts.of(sublink.operator()).strip();
        String row = values.size() > 1 ? "ROW" : "";
        return Expression.of(
                "(" + row + "(",
                Expression.of(left.toArray()),
                ") " + operator + " " + row + "(",
                Expression.of(right.toArray()),
                "))");
    }
}
