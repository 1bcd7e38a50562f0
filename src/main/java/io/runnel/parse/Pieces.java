package io.runnel.parse;

import io.runnel.parse.Scalar.Piece;
import io.runnel.parse.Scalar.Word;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Looks at expressions piece by piece. */
final class Pieces {

    private Pieces() {}

    static boolean isSymbol(Piece piece, String symbol) {
        return piece instanceof Word word && word.token().isSymbol(symbol);
    }

    static boolean isKeyword(Piece piece, String keyword) {
        return piece instanceof Word word && word.token().isKeyword(keyword);
    }

    /** Whether one pair of parentheses encloses everything. */
    static boolean isEnclosed(List<Piece> pieces) {
        return pieces.size() > 2 && isSymbol(pieces.get(0), "(") && match(pieces, 0) == pieces.size() - 1;
    }

    /** The index of what closes the parenthesis or bracket at {@code open}. */
    static int match(List<Piece> pieces, int open) {
        int depth = 0;
        for (int i = open; i < pieces.size(); i++) {
            if (isSymbol(pieces.get(i), "(") || isSymbol(pieces.get(i), "[")) {
                depth++;
            } else if (isSymbol(pieces.get(i), ")") || isSymbol(pieces.get(i), "]")) {
                depth--;
            }
            if (depth == 0) {
                return i;
            }
        }
        return pieces.size();
    }

    /**
     * The operands of AND, also of an AND among them. Anything but operands that stand by themselves between ANDs, for
     * example a BETWEEN, keeps the expression whole.
     */
    static List<List<Piece>> conjuncts(List<Piece> given) {
        List<Piece> pieces = given;
        List<Piece> inside = given;
        while (isEnclosed(inside)) {
            pieces = inside;
            inside = inside.subList(1, inside.size() - 1);
        }
        List<List<Piece>> operands = new ArrayList<>();
        int from = 0;
        for (int i = 0; i <= inside.size(); i++) {
            if (i == inside.size() || isKeyword(inside.get(i), "AND")) {
                operands.add(inside.subList(from, i));
                from = i + 1;
            } else if (isSymbol(inside.get(i), "(") || isSymbol(inside.get(i), "[")) {
                i = match(inside, i);
            }
        }
        if (operands.size() == 1 || !operands.stream().allMatch(Pieces::standsAlone)) {
            return List.of(isEnclosed(pieces) || standsAlone(pieces) ? pieces : enclosed(pieces));
        }
        List<List<Piece>> all = new ArrayList<>();
        operands.forEach(operand -> all.addAll(isEnclosed(operand) ? conjuncts(operand) : List.of(operand)));
        return all;
    }

    /** {@code (left = right)} with a column on each side. */
    record Equality(Scalar.Column left, Scalar.Column right) {}

    /** The equality of two columns that an operand is, if it is one. */
    static Optional<Equality> equality(List<Piece> operand) {
        List<Piece> pieces = operand;
        while (isEnclosed(pieces)) {
            pieces = pieces.subList(1, pieces.size() - 1);
        }
        boolean equality = pieces.size() == 3
                && pieces.get(0) instanceof Scalar.Column
                && pieces.get(1) instanceof Word word
                && word.token().isOperator("=")
                && pieces.get(2) instanceof Scalar.Column;
        return equality
                ? Optional.of(new Equality((Scalar.Column) pieces.get(0), (Scalar.Column) pieces.get(2)))
                : Optional.empty();
    }

    /** Adds an operand of AND to others. */
    static void and(List<Piece> operands, List<Piece> operand) {
        if (!operands.isEmpty()) {
            int start = operand.get(0).tokens().get(0).start();
            operands.add(new Word(new Token(Token.Kind.WORD, "AND", start, true)));
        }
        operands.addAll(operand);
    }

    private static List<Piece> enclosed(List<Piece> pieces) {
        List<Piece> enclosed = new ArrayList<>();
        int start = pieces.get(0).tokens().get(0).start();
        enclosed.add(new Word(new Token(Token.Kind.SYMBOL, "(", start, false)));
        enclosed.addAll(pieces);
        enclosed.add(new Word(new Token(Token.Kind.SYMBOL, ")", start, false)));
        return enclosed;
    }

    /**
     * Whether the expression is one operand wherever it is put: parentheses, a column, a constant, a call, a CASE, an
     * ARRAY, each perhaps with a cast; no operator and no keyword outside parentheses other than its first word.
     */
    static boolean standsAlone(List<Piece> pieces) {
        if (pieces.isEmpty()) {
            return false;
        }
        for (int i = 0; i < pieces.size(); i++) {
            if (isSymbol(pieces.get(i), "(") || isSymbol(pieces.get(i), "[")) {
                i = match(pieces, i);
            } else if (i == 0 && isKeyword(pieces.get(i), "CASE")) {
                i = endOfCase(pieces);
            } else if (pieces.get(i) instanceof Word word && i > 0 && separates(word.token())) {
                return false;
            } else if (pieces.get(i) instanceof Word word
                    && i == 0
                    && word.token().isKeyword()
                    && !(pieces.size() > 1 && opens(pieces.get(1)))) {
                return pieces.size() == 1;
            }
        }
        return !(pieces.get(0) instanceof Word word)
                || !separates(word.token())
                || word.token().isKeyword();
    }

    private static boolean opens(Piece piece) {
        return isSymbol(piece, "(") || isSymbol(piece, "[");
    }

    /** The index of the END of the CASE at the beginning. */
    private static int endOfCase(List<Piece> pieces) {
        int depth = 0;
        for (int i = 0; i < pieces.size(); i++) {
            if (isKeyword(pieces.get(i), "CASE")) {
                depth++;
            } else if (isKeyword(pieces.get(i), "END")) {
                depth--;
            }
            if (depth == 0) {
                return i;
            }
        }
        return pieces.size();
    }

    private static boolean separates(Token token) {
        return (token.kind() == Token.Kind.OPERATOR && !token.isOperator("::"))
                || token.isKeyword()
                || token.isSymbol(",");
    }
}
