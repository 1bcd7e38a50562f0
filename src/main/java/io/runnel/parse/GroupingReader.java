package io.runnel.parse;

import io.runnel.parse.Query.Grouping;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * Reads GROUP BY, and multiplies ROLLUP, CUBE and GROUPING SETS out into the sets that they stand for. Owned by one
 * reading.
 */
final class GroupingReader {

    /** PostgreSQL expands no more. */
    private static final int SETS_MAX = 4096;

    private final Cursor cursor;
    private final ScalarReader scalars;
    private final List<Scalar> keys = new ArrayList<>();
    private Optional<Token> special = Optional.empty();

    GroupingReader(Cursor cursor, ScalarReader scalars) {
        this.cursor = cursor;
        this.scalars = scalars;
    }

    /** What follows GROUP BY. */
    Grouping read() {
        int from = cursor.at();
        boolean distinct = cursor.isKeyword("DISTINCT");
        if (distinct || cursor.isKeyword("ALL")) {
            cursor.skip(1);
        }
        List<Set<Integer>> sets = List.of(Set.of());
        do {
            sets = product(sets, element());
        } while (cursor.acceptSymbol(","));
        if (distinct) {
            sets = List.copyOf(new LinkedHashSet<>(sets));
        }
        return new Grouping(keys, special, special.isPresent() ? sets : List.of(), cursor.tokens(from, cursor.at()));
    }

    private List<Set<Integer>> product(List<Set<Integer>> lefts, List<Set<Integer>> rights) {
        if (lefts.size() * rights.size() > SETS_MAX) {
            throw new Refusal("GROUP BY has more than " + SETS_MAX + " grouping sets", cursor.peek());
        }
        List<Set<Integer>> all = new ArrayList<>();
        for (Set<Integer> left : lefts) {
            for (Set<Integer> right : rights) {
                Set<Integer> both = new LinkedHashSet<>(left);
                both.addAll(right);
                all.add(both);
            }
        }
        return all;
    }

    /** One item of the list: the sets that it stands for. */
    private List<Set<Integer>> element() {
        Token first = cursor.peek();
        if (cursor.isKeyword("ROLLUP")) {
            return rollup(list(first, 1));
        }
        if (cursor.isKeyword("CUBE")) {
            return cube(list(first, 1));
        }
        if (cursor.isKeyword("GROUPING", "SETS")) {
            List<Set<Integer>> all = new ArrayList<>();
            list(first, 2).forEach(all::addAll);
            return all;
        }
        if (cursor.isSymbol("(") && cursor.peek(1).isSymbol(")")) {
            special = special.isPresent() ? special : Optional.of(first);
            cursor.skip(2);
            return List.of(Set.of());
        }
        return List.of(isRow() ? row() : Set.of(key()));
    }

    /** The elements in the parentheses after the keywords. */
    private List<List<Set<Integer>>> list(Token first, int words) {
        special = special.isPresent() ? special : Optional.of(first);
        cursor.skip(words);
        cursor.expectSymbol("(");
        List<List<Set<Integer>>> elements = new ArrayList<>();
        do {
            elements.add(element());
        } while (cursor.acceptSymbol(","));
        cursor.expectSymbol(")");
        return elements;
    }

    /** All beginnings of the list. */
    private List<Set<Integer>> rollup(List<List<Set<Integer>>> elements) {
        List<Set<Integer>> sets = new ArrayList<>();
        List<Set<Integer>> beginning = List.of(Set.of());
        sets.addAll(beginning);
        for (List<Set<Integer>> element : elements) {
            beginning = product(beginning, element);
            sets.addAll(beginning);
        }
        return sets;
    }

    /** All subsets of the list. */
    private List<Set<Integer>> cube(List<List<Set<Integer>>> elements) {
        List<Set<Integer>> sets = List.of(Set.of());
        for (List<Set<Integer>> element : elements) {
            List<Set<Integer>> choice = new ArrayList<>(element);
            choice.add(Set.of());
            sets = product(sets, choice);
        }
        return sets;
    }

    /** Whether the parenthesis at the cursor encloses several expressions. */
    private boolean isRow() {
        if (!cursor.isSymbol("(")) {
            return false;
        }
        int close = cursor.match(cursor.at());
        for (int at = cursor.at() + 1; at < close; at++) {
            if (cursor.token(at).isSymbol(",")) {
                return true;
            }
            boolean opens = cursor.token(at).isSymbol("(") || cursor.token(at).isSymbol("[");
            at = opens ? cursor.match(at) : at;
        }
        return false;
    }

    private Set<Integer> row() {
        Set<Integer> row = new LinkedHashSet<>();
        cursor.expectSymbol("(");
        do {
            row.add(key());
        } while (cursor.acceptSymbol(","));
        cursor.expectSymbol(")");
        return row;
    }

    /** The number of the key at the cursor. */
    private int key() {
        Scalar key = GroupKeys.bare(scalars.read());
        for (int i = 0; i < keys.size(); i++) {
            if (keys.get(i).text().equals(key.text())) {
                return i;
            }
        }
        keys.add(key);
        return keys.size() - 1;
    }

    /** The call {@code GROUPING(…)} at {@code at}. */
    static Scalar.Grouped call(Cursor cursor, ScalarReader scalars, int at) {
        int saved = cursor.at();
        int close = cursor.match(at + 1);
        cursor.moveTo(at + 2);
        List<Scalar> arguments = new ArrayList<>();
        do {
            arguments.add(GroupKeys.bare(scalars.read()));
        } while (cursor.acceptSymbol(","));
        if (cursor.at() != close) {
            throw Refusal.notUnderstood(cursor.peek());
        }
        cursor.moveTo(saved);
        return new Scalar.Grouped(cursor.tokens(at, close + 1), arguments);
    }
}
