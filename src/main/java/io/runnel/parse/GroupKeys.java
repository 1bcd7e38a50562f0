package io.runnel.parse;

import io.runnel.parse.Scalar.Column;
import io.runnel.parse.Scalar.Piece;
import io.runnel.parse.Scalar.Word;
import io.runnel.sql.Identifier;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/**
 * The expressions of GROUP BY, and where they occur in other expressions.
 *
 * <p>PostgreSQL prints equal expressions equally, so they are compared as text. What looks like the end of a key may
 * not be one ({@code (a)::numeric} in {@code (a)::numeric(10,2)}), therefore a match counts only where nothing before
 * or after it can belong to it. A key that is not recognised does no harm: its columns are then refused.
 */
final class GroupKeys {

    private final List<Key> keys = new ArrayList<>();
    private final List<Identifier> columns = new ArrayList<>();

    private record Key(List<String> pieces, boolean column, Identifier name) {}

    /** A key was found: its column, and how many pieces it covers. */
    record Match(Identifier column, int length) {}

    /**
     * Calls and casts are printed in an extra pair of parentheses in GROUP BY, and only there. Operators have their own
     * pair everywhere.
     */
    static Scalar withoutExtraParentheses(Scalar scalar) {
        List<Piece> pieces = scalar.pieces();
        if (Pieces.isEnclosed(pieces)) {
            List<Piece> inside = pieces.subList(1, pieces.size() - 1);
            if (Pieces.standsAlone(inside)) {
                return new Scalar(inside);
            }
        }
        return scalar;
    }

    /** The expression without all parentheses but its own. */
    static Scalar bare(Scalar scalar) {
        Scalar bare = scalar;
        Scalar inside = withoutExtraParentheses(bare);
        while (inside.pieces().size() < bare.pieces().size()) {
            bare = inside;
            inside = withoutExtraParentheses(bare);
        }
        return bare;
    }

    /** Adds a key; the same expression twice is one key. */
    void add(Scalar key, Identifier name) {
        if (columns.contains(name)) {
            return;
        }
        List<String> pieces = key.pieces().stream().map(GroupKeys::text).toList();
        keys.add(new Key(pieces, key.pieces().size() == 1 && key.pieces().get(0) instanceof Column, name));
        keys.sort(Comparator.comparingInt(known -> -known.pieces().size()));
        columns.add(name);
    }

    /** The columns of the keys, in order. */
    List<Identifier> columns() {
        return List.copyOf(columns);
    }

    /** The longest key that starts at a piece. */
    Optional<Match> at(List<Piece> pieces, int from) {
        for (Key key : keys) {
            if (matches(key, pieces, from) && (key.column() || isWhole(key, pieces, from))) {
                return Optional.of(new Match(key.name(), key.pieces().size()));
            }
        }
        return Optional.empty();
    }

    private static boolean matches(Key key, List<Piece> pieces, int from) {
        int length = key.pieces().size();
        if (from + length > pieces.size()) {
            return false;
        }
        for (int i = 0; i < length; i++) {
            if (!key.pieces().get(i).equals(text(pieces.get(from + i)))) {
                return false;
            }
        }
        return true;
    }

    private static boolean isWhole(Key key, List<Piece> pieces, int from) {
        int after = from + key.pieces().size();
        boolean cutBefore = from > 0
                && pieces.get(from - 1) instanceof Word before
                && (before.token().isSymbol(".")
                        || before.token().isOperator("::")
                        || (before.token().isName() && key.pieces().get(0).equals("(")));
        boolean cutAfter = after < pieces.size()
                && pieces.get(after) instanceof Word next
                && (next.token().isSymbol("(")
                        || next.token().isSymbol("[")
                        || next.token().isSymbol(".")
                        || next.token().isName()
                        || next.token().kind() == Token.Kind.STRING);
        return !cutBefore && !cutAfter;
    }

    private static String text(Piece piece) {
        return Texts.of(piece.tokens());
    }
}
