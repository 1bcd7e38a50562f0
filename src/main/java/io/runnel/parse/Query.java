package io.runnel.parse;

import io.runnel.sql.Identifier;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.IntStream;

/**
 * A query as it is written: WITH, a body, and what follows the body.
 *
 * @param order the ORDER BY, which means nothing unless the query is limited
 * @param limit everything from LIMIT, OFFSET or FETCH on; at least one token
 * @param locking FOR UPDATE and the like
 */
record Query(Optional<With> with, Body body, List<Scalar.Sort> order, Optional<Scalar> limit, List<Token> locking) {

    /** The query without ORDER BY and LIMIT. */
    Query unlimited() {
        return new Query(with, body, List.of(), Optional.empty(), locking);
    }

    /** The query with another body. */
    Query body(Body other) {
        return new Query(with, other, order, limit, locking);
    }

    /** Whether there is nothing but the body. */
    boolean isBare() {
        return with.isEmpty() && order.isEmpty() && limit.isEmpty() && locking.isEmpty();
    }

    /** {@code WITH}; {@code recursive} is the word RECURSIVE if it is there. */
    record With(Optional<Token> recursive, List<Cte> ctes) {}

    /**
     * A common table expression.
     *
     * @param as what stands between the name and the query, from AS on: whether it is materialized
     * @param after what stands after the query: SEARCH and CYCLE
     */
    record Cte(Token name, List<Identifier> columns, List<Token> as, Query query, List<Token> after) {}

    /** What yields the rows. */
    sealed interface Body {
        Token first();
    }

    /**
     * {@code SELECT}.
     *
     * @param keys how many of the last items are keys: the rest of the query is meant for each of their values by itself.
     *     0 in what people write
     */
    record Select(
            Token first,
            Distinctness distinct,
            List<Item> items,
            List<Source> from,
            Optional<Scalar> where,
            Optional<Grouping> grouping,
            Optional<Scalar> having,
            List<WindowSpec.Named> windows,
            int keys)
            implements Body {

        /** With keys as further items. */
        Select keyed(List<Scalar> expressions) {
            List<Item> all = new ArrayList<>(items);
            expressions.forEach(key -> all.add(new Item(key, Optional.empty())));
            return new Select(first, distinct, all, from, where, grouping, having, windows, keys + expressions.size());
        }

        Select items(List<Item> others) {
            return new Select(first, distinct, others, from, where, grouping, having, windows, keys);
        }

        Select from(List<Source> others) {
            return new Select(first, distinct, items, others, where, grouping, having, windows, keys);
        }

        Select where(Optional<Scalar> other) {
            return new Select(first, distinct, items, from, other, grouping, having, windows, keys);
        }

        Select grouping(Optional<Grouping> other) {
            return new Select(first, distinct, items, from, where, other, having, windows, keys);
        }
    }

    /** DISTINCT, if {@code token} is there; DISTINCT ON, if there are expressions. */
    record Distinctness(Optional<Token> token, List<Scalar> on) {}

    /** An item of the SELECT list. */
    record Item(Scalar expression, Optional<Identifier> alias) {

        private static final Identifier UNNAMED = Identifier.of("?column?");

        /** The column's name as PostgreSQL gives it; a name that stands alone is a column that a join has merged. */
        Identifier label() {
            if (alias.isPresent()) {
                return alias.get();
            }
            if (expression.pieces().size() > 1) {
                return UNNAMED;
            }
            Scalar.Piece piece = expression.pieces().get(0);
            if (piece instanceof Scalar.Column column) {
                return column.column();
            }
            return piece instanceof Scalar.Bare bare ? bare.token().identifier() : UNNAMED;
        }
    }

    /**
     * GROUP BY.
     *
     * @param keys the grouped expressions, each once
     * @param special the first token of what is not a plain list of expressions: ROLLUP, GROUPING SETS, ()
     * @param sets if the clause is special, the grouping sets that it stands for, as numbers of keys
     * @param tokens everything after GROUP BY
     */
    record Grouping(List<Scalar> keys, Optional<Token> special, List<Set<Integer>> sets, List<Token> tokens) {

        /** Grouped by further expressions, too. */
        Grouping and(List<Scalar> others) {
            List<Scalar> all = new ArrayList<>(keys);
            all.addAll(others);
            List<Set<Integer>> larger = new ArrayList<>();
            for (Set<Integer> set : sets) {
                Set<Integer> added = new HashSet<>(set);
                for (int i = keys.size(); i < all.size(); i++) {
                    added.add(i);
                }
                larger.add(added);
            }
            return new Grouping(all, special, larger, tokens);
        }
    }

    /** {@code left UNION [ALL] right} and its like. */
    record SetOperation(Token operator, boolean all, Query left, Query right) implements Body {
        @Override
        public Token first() {
            return operator;
        }
    }

    /**
     * {@code VALUES}.
     *
     * @param text from the word VALUES on
     * @param width the number of columns
     */
    record Values(Token first, Scalar text, int width) implements Body {

        /** The names that PostgreSQL gives the columns. */
        List<Identifier> labels() {
            return IntStream.rangeClosed(1, width)
                    .mapToObj(i -> Identifier.of("column" + i))
                    .toList();
        }
    }

    /** A query in parentheses. */
    record Nested(Token first, Query query) implements Body {}

    /** An item of FROM. */
    sealed interface Source {}

    /** The name that an item of FROM has in the rest of the query, with new names for its columns. */
    record Alias(Optional<Identifier> name, List<Identifier> columns) {}

    /**
     * A relation or common table expression.
     *
     * @param name one or two parts
     * @param only the word ONLY
     * @param sample everything from TABLESAMPLE on
     */
    record Relation(List<Token> name, Optional<Token> only, Alias alias, List<Token> sample) implements Source {}

    /**
     * A query in FROM.
     *
     * @param free the columns that it reads from enclosing queries or, if lateral, from other items
     */
    record Derived(
            Token first, Query query, Optional<Token> lateral, Map<Mentions.Free, Mentions.Uses> free, Alias alias)
            implements Source {}

    /**
     * Columns of enclosing queries, as an item of FROM; never written by people.
     *
     * @param columns the columns, under the names that they have outside
     */
    record Bound(Input.Domain input, List<Mentions.Free> columns) implements Source {}

    /**
     * A join.
     *
     * @param operator the words up to JOIN
     */
    record Joined(
            JoinKind kind,
            List<Token> operator,
            Source left,
            Source right,
            Optional<Scalar> on,
            List<Token> using,
            Optional<Identifier> usingAlias,
            Alias alias)
            implements Source {}

    /** What becomes of rows without a match. CROSS is INNER; PostgreSQL prints NATURAL as USING. */
    enum JoinKind {
        INNER,
        LEFT,
        RIGHT,
        FULL
    }

    /**
     * A function in FROM, also ROWS FROM, XMLTABLE, JSON_TABLE.
     *
     * @param tokens everything from LATERAL up to and including the alias
     * @param call what is called, with WITH ORDINALITY, without the alias
     * @param columns its columns, all of them
     */
    record Call(Token first, List<Token> tokens, Scalar call, List<Column> columns, Alias alias) implements Source {

        /** A column of the call; with a type, if that has to be declared beside its name. */
        record Column(Identifier label, List<Token> type) {}
    }
}
