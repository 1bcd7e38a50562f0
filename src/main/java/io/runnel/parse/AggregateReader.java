package io.runnel.parse;

import io.runnel.parse.Scalar.Aggregate;
import io.runnel.parse.Scalar.Piece;
import io.runnel.parse.Scalar.Refused;
import io.runnel.parse.Scalar.Sort;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Reads one call of an aggregate function: {@code f([DISTINCT] … [ORDER BY …]) [WITHIN GROUP (…)] [FILTER (…)]}. */
final class AggregateReader {

    private final Cursor cursor;
    private final ScalarReader scalars;
    private boolean star;
    private boolean distinct;
    private boolean variadic;
    private final List<Scalar> arguments = new ArrayList<>();
    private List<Sort> order = List.of();
    private List<Sort> within = List.of();
    private Optional<Scalar> filter = Optional.empty();

    AggregateReader(Cursor cursor, ScalarReader scalars) {
        this.cursor = cursor;
        this.scalars = scalars;
    }

    /** The call whose name is at {@code from}, its parenthesis at {@code open} and its end before {@code end}. */
    Piece read(int from, int open, int end) {
        int saved = cursor.at();
        cursor.moveTo(open + 1);
        inside(cursor.match(open));
        cursor.expectSymbol(")");
        after(end);
        cursor.moveTo(saved);
        List<Token> tokens = cursor.tokens(from, end);
        if (arguments.stream().anyMatch(AggregateReader::isNamed)) {
            return new Refused(
                    tokens, "an aggregate call with named arguments has no delta rule yet", Refused.Kind.AGGREGATE);
        }
        return new Aggregate(
                tokens, cursor.tokens(from, open), star, distinct, variadic, arguments, order, within, filter);
    }

    private void inside(int close) {
        if (cursor.peek().isOperator("*") && cursor.at() + 1 == close) {
            cursor.skip(1);
            star = true;
            return;
        }
        distinct = cursor.accept("DISTINCT").isPresent();
        if (cursor.at() < close && !cursor.isKeyword("ORDER")) {
            do {
                variadic |= cursor.accept("VARIADIC").isPresent();
                arguments.add(scalars.read());
            } while (cursor.acceptSymbol(","));
        }
        if (cursor.accept("ORDER").isPresent()) {
            cursor.expect("BY");
            order = scalars.readSorts();
        }
    }

    private void after(int end) {
        if (cursor.accept("WITHIN").isPresent()) {
            cursor.expect("GROUP");
            cursor.expectSymbol("(");
            cursor.expect("ORDER");
            cursor.expect("BY");
            within = scalars.readSorts();
            cursor.expectSymbol(")");
        }
        if (cursor.accept("FILTER").isPresent()) {
            filter = scalars.filter(cursor.at());
            cursor.moveTo(cursor.match(cursor.at()) + 1);
        }
        if (cursor.at() != end) {
            throw Refusal.notUnderstood(cursor.peek());
        }
    }

    private static boolean isNamed(Scalar argument) {
        return argument.tokens().stream().anyMatch(token -> token.isOperator("=>"));
    }
}
