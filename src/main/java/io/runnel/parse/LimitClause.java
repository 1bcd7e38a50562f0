package io.runnel.parse;

import io.runnel.operator.Expression;
import io.runnel.operator.Filter;
import io.runnel.operator.Limit;
import io.runnel.operator.Opaque;
import io.runnel.operator.Operator;
import io.runnel.operator.Unsupported;
import io.runnel.sql.Identifier;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.stream.Stream;

/**
 * What LIMIT, OFFSET and FETCH FIRST say.
 *
 * @param offset how many rows are skipped
 * @param count how many follow; empty for all
 * @param first the first token of the clauses
 * @param problem why the clauses are not understood
 */
record LimitClause(long offset, OptionalLong count, boolean ties, Token first, Optional<Unsupported> problem) {

    private static final String NOT_CONSTANT = "LIMIT or OFFSET by anything but a whole number has no delta rule yet";
    private static final String TOO_MUCH = "LIMIT and OFFSET beyond a trillion have no delta rule";
    private static final String NEGATIVE = "LIMIT and OFFSET must not be negative";
    private static final String UNORDERED =
            "LIMIT without ORDER BY has no delta rule, because it leaves open which rows are meant";
    private static final long ROWS_MAX = 1_000_000_000_000L;

    /** Reads the clauses as PostgreSQL prints them, OFFSET first. */
    static LimitClause read(Scalar clauses, Problems problems) {
        List<Token> tokens = clauses.tokens();
        List<Token> offset = new ArrayList<>();
        List<Token> count = new ArrayList<>();
        boolean ties = false;
        List<Token> current = offset;
        for (Token token : tokens) {
            if (token.isKeyword("OFFSET")) {
                current = offset;
            } else if (token.isKeyword("LIMIT") || token.isKeyword("FETCH")) {
                current = count;
                ties = token.isKeyword("FETCH");
            } else if (!ties || !isFiller(token)) {
                current.add(token);
            }
        }
        Token first = tokens.get(0);
        Optional<String> reason = Stream.of(offset, count)
                .flatMap(number -> refusal(number).stream())
                .findFirst();
        if (reason.isPresent()) {
            return new LimitClause(
                    0, OptionalLong.empty(), false, first, Optional.of(problems.add(reason.get(), first)));
        }
        return new LimitClause(number(offset).orElse(0), number(count), ties, first, Optional.empty());
    }

    private static boolean isFiller(Token token) {
        return token.isKeyword("FIRST")
                || token.isKeyword("ROWS")
                || token.isKeyword("WITH")
                || token.isKeyword("TIES");
    }

    /** What of {@code input}, for each value of the keys by itself, the clauses let through. */
    Operator over(Operator input, List<Identifier> keys, List<Limit.SortKey> order, Problems problems) {
        if (problem.isPresent()) {
            return new Opaque("limit", List.of(input), input.columns(), problem.get());
        }
        if (count.isPresent() && count.getAsLong() == 0) {
            return new Filter(input, Expression.text("false"));
        }
        if (isAll()) {
            return input;
        }
        if (order.isEmpty()) {
            return new Opaque("limit", List.of(input), input.columns(), problems.add(UNORDERED, first));
        }
        return new Limit(input, keys, order, offset, count, ties);
    }

    /** Whether a row is let through if there is one. */
    boolean keepsSome() {
        return problem.isEmpty() && offset == 0 && (count.isEmpty() || count.getAsLong() > 0);
    }

    /** Whether all rows are let through. */
    boolean isAll() {
        return problem.isEmpty() && count.isEmpty() && offset == 0;
    }

    private static Optional<String> refusal(List<Token> tokens) {
        List<Token> bare = withoutCasts(tokens);
        if (isNone(bare)) {
            return Optional.empty();
        }
        Optional<Long> value = bare.size() == 1 ? value(bare.get(0)) : Optional.empty();
        return value.isEmpty()
                ? Optional.of(NOT_CONSTANT)
                : value.get() < 0
                        ? Optional.of(NEGATIVE)
                        : value.get() > ROWS_MAX ? Optional.of(TOO_MUCH) : Optional.empty();
    }

    private static OptionalLong number(List<Token> tokens) {
        List<Token> bare = withoutCasts(tokens);
        return isNone(bare)
                ? OptionalLong.empty()
                : OptionalLong.of(value(bare.get(0)).orElseThrow());
    }

    private static boolean isNone(List<Token> bare) {
        return bare.isEmpty() || bare.get(0).isKeyword("ALL") || bare.get(0).isKeyword("NULL");
    }

    private static Optional<Long> value(Token token) {
        String text = token.kind() == Token.Kind.STRING ? token.text().replace("'", "") : token.text();
        boolean number = token.kind() == Token.Kind.STRING || token.kind() == Token.Kind.NUMBER;
        return number && text.strip().matches("-?\\d{1,18}")
                ? Optional.of(Long.parseLong(text.strip()))
                : Optional.empty();
    }

    /** Without casts to whole numbers and without parentheses around everything. */
    private static List<Token> withoutCasts(List<Token> tokens) {
        List<Token> bare = tokens;
        while (true) {
            int size = bare.size();
            if (size > 2
                    && bare.get(size - 2).isOperator("::")
                    && bare.get(size - 1).text().matches("bigint|integer|smallint")) {
                bare = bare.subList(0, size - 2);
            } else if (size > 2
                    && bare.get(0).isSymbol("(")
                    && bare.get(size - 1).isSymbol(")")) {
                bare = bare.subList(1, size - 1);
            } else {
                return bare;
            }
        }
    }
}
