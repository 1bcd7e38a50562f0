package io.runnel.parse;

import io.runnel.sql.Identifier;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/** A scalar expression: tokens that pass through, between the few things that are recognised. */
record Scalar(List<Piece> pieces) {

    Scalar {
        pieces = List.copyOf(Clock.read(pieces));
    }

    /** A part of an expression. Its tokens, taken together with those of its neighbours, are the expression's text. */
    sealed interface Piece {
        List<Token> tokens();
    }

    /** A token without meaning to us. */
    record Word(Token token) implements Piece {
        @Override
        public List<Token> tokens() {
            return List.of(token);
        }
    }

    /** {@code alias.column}. */
    record Column(List<Token> tokens) implements Piece {
        Identifier alias() {
            return tokens.get(0).identifier();
        }

        Identifier column() {
            return tokens.get(2).identifier();
        }
    }

    /** A name that stands alone: a column that USING has merged, or something that is not understood. */
    record Bare(Token token) implements Piece {
        @Override
        public List<Token> tokens() {
            return List.of(token);
        }
    }

    /**
     * A call of an aggregate function.
     *
     * @param function the name as printed
     * @param star whether the argument is {@code *}
     * @param order the ORDER BY inside the parentheses
     * @param within the ORDER BY after WITHIN GROUP
     */
    record Aggregate(
            List<Token> tokens,
            List<Token> function,
            boolean star,
            boolean distinct,
            boolean variadic,
            List<Scalar> arguments,
            List<Sort> order,
            List<Sort> within,
            Optional<Scalar> filter)
            implements Piece {

        boolean plain() {
            return !variadic && order.isEmpty() && within.isEmpty();
        }

        Stream<Scalar> scalars() {
            return Stream.of(
                            arguments.stream(),
                            order.stream().map(Sort::expression),
                            within.stream().map(Sort::expression),
                            filter.stream())
                    .flatMap(scalars -> scalars);
        }
    }

    /** An item of ORDER BY: the expression, and the tokens after it, such as DESC NULLS LAST. */
    record Sort(Scalar expression, List<Token> direction) {}

    /** A reading of the clock, such as {@code now()}. */
    record Time(List<Token> tokens) implements Piece {}

    /**
     * A comparison with the current time, in its parentheses; see {@link Clock}.
     *
     * @param row what is compared
     * @param operator how, with {@code row} on the left
     * @param bound what it is compared with
     */
    record Timed(List<Token> tokens, Scalar row, String operator, List<Piece> bound) implements Piece {}

    /**
     * A call of a window function.
     *
     * @param call the function with its arguments and FILTER
     */
    record Window(List<Token> tokens, Scalar call, WindowSpec over) implements Piece {

        Stream<Scalar> scalars() {
            return Stream.concat(Stream.of(call), over.scalars());
        }
    }

    /**
     * A query inside an expression, with all that belongs to it: {@code (a IN (SELECT …))}.
     *
     * @param left what is compared with the query's rows, one for each of its columns
     * @param operator what compares, as printed; empty for IN
     * @param free the columns that it reads from enclosing queries
     */
    record Sublink(
            List<Token> tokens,
            Form form,
            List<Scalar> left,
            List<Token> operator,
            Query query,
            Token first,
            Map<Mentions.Free, Mentions.Uses> free)
            implements Piece {

        Sublink {
            left = List.copyOf(left);
        }

        /** The same of another query. */
        Sublink query(Query other) {
            return new Sublink(tokens, form, left, operator, other, first, free);
        }

        /** What the query is asked. */
        enum Form {
            /** Whether it has a row. */
            EXISTS,
            /** Whether a comparison is true for a row. */
            ANY,
            /** Whether a comparison is true for all rows. */
            ALL,
            /** Its only value. */
            VALUE,
            /** Its values as an array. */
            ARRAY,
            /** How its only row compares. */
            ROW
        }
    }

    /** {@code GROUPING(…)}, with keys of GROUP BY as arguments. */
    record Grouped(List<Token> tokens, List<Scalar> arguments) implements Piece {}

    /** The name of a set-returning function, which its arguments follow. */
    record SetReturning(List<Token> tokens) implements Piece {}

    /** A part of the expression that an operator below has computed, with the tokens that it stands for. */
    record Computed(List<Token> tokens, Identifier column) implements Piece {}

    /** Something that has no delta rule. */
    record Refused(List<Token> tokens, String reason, Kind kind) implements Piece {

        /** What it would be if it had a rule. */
        enum Kind {
            AGGREGATE,
            OTHER
        }

        Refused(List<Token> tokens, String reason) {
            this(tokens, reason, Kind.OTHER);
        }
    }

    List<Token> tokens() {
        return pieces.stream().flatMap(piece -> piece.tokens().stream()).toList();
    }

    Token first() {
        return pieces.get(0).tokens().get(0);
    }

    /** The expression as text; two expressions with the same text in the same query are the same. */
    String text() {
        return Texts.of(tokens());
    }
}
