package io.runnel.parse;

import io.runnel.operator.Expression;
import io.runnel.operator.Operator;
import io.runnel.operator.TimeMark;
import io.runnel.parse.Scalar.Piece;
import io.runnel.parse.Scalar.Word;
import io.runnel.sql.Identifier;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Finds where an expression reads the clock, and the comparisons of a value of the row with one of the time. Whatever else
 * reads the clock is left as a piece of its own, which no translation accepts.
 */
final class Clock {

    static final String MISPLACED = "the current time may stand only in a comparison with a value of the row, as in"
            + " created_at > now() - interval '1 hour', with nothing but the time and constants on its side";

    private static final String ONE_SIDED =
            "the condition of an outer join may compare the current time only with columns of one side";
    private static final Set<String> CALLS = Set.of("now", "transaction_timestamp");
    private static final Set<String> KEYWORDS = Set.of("CURRENT_TIMESTAMP", "CURRENT_DATE", "LOCALTIMESTAMP");

    /** Operators with the same meaning when their sides change places. */
    private static final Map<String, String> COMMUTED =
            Map.of("<", ">", "<=", ">=", ">", "<", ">=", "<=", "=", "=", "<>", "<>");

    /** What may stand beside the time: nothing that is null for any time, and nothing that fails or repeats itself. */
    private static final Set<String> ARITHMETIC = Set.of("+", "-", "*", "/", "::", "=>");

    private static final Set<String> FUNCTIONS = Set.of("date_trunc", "date_bin", "make_interval", "timezone");
    private static final Set<String> WORDS = Set.of("AT", "TIME", "ZONE");
    private static final Set<String> TYPES = Set.of(
            "timestamp", "date", "interval", "text", "integer", "bigint", "numeric", "double", "real", "smallint");
    private static final Set<String> TYPE_CONTINUES = Set.of(
            "without", "with", "time", "zone", "precision", "year", "month", "day", "hour", "minute", "second", "to");

    private Clock() {}

    /** The pieces with the clock and the comparisons with it as pieces of their own. */
    static List<Piece> read(List<Piece> pieces) {
        List<Piece> readings = readings(pieces);
        return readings.stream().anyMatch(Scalar.Time.class::isInstance) ? comparisons(readings) : readings;
    }

    private static List<Piece> readings(List<Piece> pieces) {
        List<Piece> found = new ArrayList<>();
        int at = 0;
        while (at < pieces.size()) {
            int length = reading(pieces, at);
            if (length == 0) {
                found.add(pieces.get(at++));
            } else {
                List<Token> tokens = new ArrayList<>();
                pieces.subList(at, at + length).forEach(piece -> tokens.addAll(piece.tokens()));
                found.add(new Scalar.Time(tokens));
                at += length;
            }
        }
        return found;
    }

    /** How many pieces from {@code at} on read the clock. */
    private static int reading(List<Piece> pieces, int at) {
        if (!(pieces.get(at) instanceof Word word)) {
            return 0;
        }
        if (word.token().isKeyword() && KEYWORDS.contains(word.token().text())) {
            boolean precise = at + 3 < pieces.size()
                    && Pieces.isSymbol(pieces.get(at + 1), "(")
                    && Pieces.isSymbol(pieces.get(at + 3), ")");
            return precise ? 4 : 1;
        }
        boolean call = word.token().kind() == Token.Kind.WORD
                && CALLS.contains(word.token().text())
                && at + 2 < pieces.size()
                && Pieces.isSymbol(pieces.get(at + 1), "(")
                && Pieces.isSymbol(pieces.get(at + 2), ")");
        return call && (at == 0 || !Pieces.isSymbol(pieces.get(at - 1), ".")) ? 3 : 0;
    }

    private static List<Piece> comparisons(List<Piece> pieces) {
        List<Piece> found = new ArrayList<>();
        int at = 0;
        while (at < pieces.size()) {
            int close = Pieces.isSymbol(pieces.get(at), "(") ? Pieces.match(pieces, at) : pieces.size();
            Optional<Scalar.Timed> comparison =
                    close < pieces.size() ? comparison(pieces.subList(at, close + 1)) : Optional.empty();
            if (comparison.isPresent()) {
                found.add(comparison.get());
                at = close + 1;
            } else {
                found.add(pieces.get(at++));
            }
        }
        return found;
    }

    /** The comparison in a pair of parentheses, in which PostgreSQL prints every one. */
    private static Optional<Scalar.Timed> comparison(List<Piece> enclosed) {
        List<Piece> inside = enclosed.subList(1, enclosed.size() - 1);
        for (int i = 1; i < inside.size(); i++) {
            if (Pieces.isSymbol(inside.get(i - 1), "(") || Pieces.isSymbol(inside.get(i - 1), "[")) {
                i = Pieces.match(inside, i - 1) + 1;
            }
            int length = i < inside.size() ? comparing(inside, i) : 0;
            if (length > 0) {
                return comparison(
                        enclosed,
                        inside.subList(0, i),
                        inside.subList(i, i + length),
                        inside.subList(i + length, inside.size()));
            }
        }
        return Optional.empty();
    }

    /** How many pieces from {@code at} on are an operator of comparison. */
    private static int comparing(List<Piece> pieces, int at) {
        if (pieces.get(at) instanceof Word word
                && word.token().kind() == Token.Kind.OPERATOR
                && COMMUTED.containsKey(word.token().text())) {
            return 1;
        }
        if (!Pieces.isKeyword(pieces.get(at), "IS")) {
            return 0;
        }
        int not = at + 1 < pieces.size() && Pieces.isKeyword(pieces.get(at + 1), "NOT") ? 1 : 0;
        return at + not + 2 < pieces.size() && Pieces.isKeyword(pieces.get(at + not + 1), "DISTINCT") ? 3 + not : 0;
    }

    private static Optional<Scalar.Timed> comparison(
            List<Piece> enclosed, List<Piece> left, List<Piece> operator, List<Piece> right) {
        List<Token> tokens =
                enclosed.stream().flatMap(piece -> piece.tokens().stream()).toList();
        String text = Texts.of(operator.stream()
                        .flatMap(piece -> piece.tokens().stream())
                        .toList())
                .strip();
        if (isOfTheRow(left) && isOfTheTime(right)) {
            return Optional.of(new Scalar.Timed(tokens, new Scalar(left), text, right));
        }
        if (isOfTheRow(right) && isOfTheTime(left)) {
            return Optional.of(new Scalar.Timed(tokens, new Scalar(right), COMMUTED.getOrDefault(text, text), left));
        }
        return Optional.empty();
    }

    private static boolean isOfTheRow(List<Piece> pieces) {
        return Pieces.standsAlone(pieces)
                && pieces.stream()
                        .allMatch(piece -> piece instanceof Word
                                || piece instanceof Scalar.Column
                                || piece instanceof Scalar.Bare
                                || piece instanceof Scalar.Aggregate);
    }

    private static boolean isOfTheTime(List<Piece> pieces) {
        if (!Pieces.standsAlone(pieces) || pieces.stream().noneMatch(Scalar.Time.class::isInstance)) {
            return false;
        }
        for (int i = 0; i < pieces.size(); i++) {
            boolean allowed = pieces.get(i) instanceof Scalar.Time
                    || (pieces.get(i) instanceof Word word && isOfTheTime(word.token(), pieces, i));
            if (!allowed) {
                return false;
            }
        }
        return true;
    }

    private static boolean isOfTheTime(Token token, List<Piece> pieces, int at) {
        return switch (token.kind()) {
            case NUMBER, STRING -> true;
            case OPERATOR -> ARITHMETIC.contains(token.text());
            case SYMBOL -> token.isSymbol("(") || token.isSymbol(")") || token.isSymbol(",");
            case WORD -> token.isKeyword() ? WORDS.contains(token.text()) : isKnown(token, pieces, at);
            case QUOTED, GARBAGE, END -> false;
        };
    }

    /** A function, the name of an argument, a type or one of its words. */
    private static boolean isKnown(Token token, List<Piece> pieces, int at) {
        boolean last = at + 1 == pieces.size();
        if (!last && Pieces.isSymbol(pieces.get(at + 1), "(") && !isOperator(pieces, at - 1, "::")) {
            return FUNCTIONS.contains(token.text()) || TYPE_CONTINUES.contains(token.text());
        }
        if (!last && isOperator(pieces, at + 1, "=>")) {
            return true;
        }
        return isOperator(pieces, at - 1, "::")
                ? TYPES.contains(token.text())
                : at > 0 && pieces.get(at - 1) instanceof Word && TYPE_CONTINUES.contains(token.text());
    }

    private static boolean isOperator(List<Piece> pieces, int at, String operator) {
        return at >= 0 && pieces.get(at) instanceof Word word && word.token().isOperator(operator);
    }

    /** The comparison with its row side translated. Its mark is called by its place, which no other has in this SELECT. */
    static TimeMark.Comparison comparison(Scalar.Timed timed, Expression row) {
        Identifier mark = Identifier.of("time " + timed.tokens().get(0).start());
        return new TimeMark.Comparison(mark, row, timed.operator(), bound(timed.bound()));
    }

    /** The rows with the results of the comparisons. */
    static Operator marked(Operator input, List<TimeMark.Comparison> comparisons) {
        Operator marked = input;
        for (TimeMark.Comparison comparison : comparisons) {
            marked = marked.columns().contains(comparison.mark()) ? marked : new TimeMark(marked, comparison);
        }
        return marked;
    }

    /** As {@link #marked}, of those comparisons that read these columns alone. */
    static Operator marked(Operator input, List<TimeMark.Comparison> comparisons, Set<Identifier> columns) {
        return marked(
                input,
                comparisons.stream()
                        .filter(comparison -> isOver(comparison, columns))
                        .toList());
    }

    private static boolean isOver(TimeMark.Comparison comparison, Set<Identifier> columns) {
        Set<Identifier> references = comparison.row().references();
        return !references.isEmpty() && columns.containsAll(references);
    }

    /** The condition of an outer join, refused if it compares the time with columns of both sides or of none. */
    static Condition oneSided(Condition condition, List<Set<Identifier>> sides, Token join, Problems problems) {
        boolean placed = condition.marks().stream()
                .allMatch(comparison -> sides.stream().anyMatch(side -> isOver(comparison, side)));
        return placed
                ? condition
                : new Condition(
                        condition.expression(),
                        condition.problem().or(() -> Optional.of(problems.add(ONE_SIDED, join))));
    }

    /** What stands on the side of the time, over {@link TimeMark#NOW}. */
    static Expression bound(List<Piece> pieces) {
        List<Expression.Part> parts = new ArrayList<>();
        StringBuilder text = new StringBuilder();
        for (Piece piece : pieces) {
            if (!(piece instanceof Scalar.Time time)) {
                piece.tokens().forEach(token -> Texts.append(text, token));
                continue;
            }
            text.append(time.tokens().get(0).spaced() && !text.isEmpty() ? " (" : "(");
            parts.add(new Expression.Text(text.toString()));
            parts.add(new Expression.Reference(TimeMark.NOW));
            text.setLength(0);
            text.append(")").append(cast(time));
        }
        parts.add(new Expression.Text(text.toString()));
        return new Expression(parts);
    }

    /** The current time as the type of the reading, which is rounded as its precision says. */
    private static String cast(Scalar.Time time) {
        String precision = Texts.of(time.tokens().subList(1, time.tokens().size()));
        return switch (time.tokens().get(0).text()) {
            case "CURRENT_DATE" -> "::pg_catalog.date";
            case "LOCALTIMESTAMP" -> "::pg_catalog.timestamp" + precision;
            case "CURRENT_TIMESTAMP" -> precision.isEmpty() ? "" : "::pg_catalog.timestamptz" + precision;
            default -> "";
        };
    }
}
