package io.runnel.parse;

import io.runnel.operator.Expression;
import io.runnel.operator.Expression.Part;
import io.runnel.operator.Expression.Reference;
import io.runnel.operator.Expression.Text;
import io.runnel.operator.Operator;
import io.runnel.sql.Identifier;
import java.util.ArrayList;
import java.util.List;

/**
 * {@code ((a = b) OR ((a IS NULL) AND (b IS NULL)))}, which no index serves and no join but a nested loop, is
 * {@code (a = b)} where one of the two is never null.
 */
final class NullSafeEquality {

    private static final String EQUALS = " = ";
    private static final String OR = ") OR ((";
    private static final String AND = " IS NULL) AND (";
    private static final String END = " IS NULL)))";
    private static final int LENGTH = 8;

    private NullSafeEquality() {}

    /** The condition of a join of these inputs, or an equivalent one. */
    static Expression simplified(Expression condition, List<Operator> inputs) {
        List<Part> parts = new ArrayList<>(condition.parts());
        for (int i = 0; i + LENGTH < parts.size(); i++) {
            if (isAt(parts, i) && (neverNull(parts.get(i + 1), inputs) || neverNull(parts.get(i + 3), inputs))) {
                String before = text(parts, i);
                String after = text(parts, i + LENGTH);
                parts.set(i, new Text(before.substring(0, before.length() - 1)));
                parts.set(i + 4, new Text(after.substring(END.length() - 1)));
                parts.subList(i + 5, i + LENGTH + 1).clear();
            }
        }
        return new Expression(parts);
    }

    private static boolean isAt(List<Part> parts, int i) {
        return text(parts, i).endsWith("((")
                && parts.get(i + 1) instanceof Reference left
                && text(parts, i + 2).equals(EQUALS)
                && parts.get(i + 3) instanceof Reference right
                && text(parts, i + 4).equals(OR)
                && parts.get(i + 5).equals(left)
                && text(parts, i + 6).equals(AND)
                && parts.get(i + 7).equals(right)
                && text(parts, i + LENGTH).startsWith(END);
    }

    private static String text(List<Part> parts, int i) {
        return parts.get(i) instanceof Text text ? text.text() : "";
    }

    private static boolean neverNull(Part part, List<Operator> inputs) {
        Identifier column = ((Reference) part).column();
        return inputs.stream().anyMatch(input -> input.columns().contains(column) && input.notNull(column));
    }
}
