package io.runnel.parse;

import io.runnel.operator.Expression;
import io.runnel.operator.TimeMark;
import io.runnel.operator.Unsupported;
import io.runnel.parse.Scalar.Piece;
import io.runnel.sql.Identifier;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * An expression over the columns of an operator, being put together, and the first reason why it is not one.
 *
 * <p>Owned by one translation.
 */
final class Translation {

    static final String SUBQUERY = "a subquery has no delta rule here";
    static final String WINDOW = "a window function has no delta rule here";

    private final Problems problems;
    private final List<Expression.Part> parts = new ArrayList<>();
    private final StringBuilder text = new StringBuilder();
    private final List<TimeMark.Comparison> marks = new ArrayList<>();
    private Optional<Unsupported> problem = Optional.empty();

    Translation(Problems problems) {
        this.problems = problems;
    }

    /**
     * What a scalar has become.
     *
     * @param marks the comparisons with the time whose results the expression reads as columns; see {@link Clock#marked}
     */
    record Translated(Expression expression, Optional<Unsupported> problem, List<TimeMark.Comparison> marks) {
        Translated {
            marks = List.copyOf(marks);
        }

        /** One that does not read the time. */
        Translated(Expression expression, Optional<Unsupported> problem) {
            this(expression, problem, List.of());
        }

        /** The expression, where it must be one of columns alone. */
        Expression checked(Token at) {
            problem.ifPresent(reason -> {
                throw new Refusal(reason);
            });
            if (!marks.isEmpty()) {
                throw new Refusal(Clock.MISPLACED, at);
            }
            return expression;
        }
    }

    /** Translates an operand of AND in WHERE or ON. */
    static Translated condition(Scalar scalar, Scope scope, Problems problems) {
        return plain(scalar, scope, problems, scalar.pieces().size() == 1 ? Around.Asked.TRUTH : Around.Asked.VALUE);
    }

    /** Translates a scalar that stands below any aggregation: in WHERE, ON, or without GROUP BY. */
    static Translated plain(Scalar scalar, Scope scope, Problems problems) {
        return plain(scalar, scope, problems, Around.Asked.VALUE);
    }

    private static Translated plain(Scalar scalar, Scope scope, Problems problems, Around.Asked asked) {
        Translation translation = new Translation(problems);
        for (Piece piece : scalar.pieces()) {
            if (piece instanceof Scalar.Column column) {
                translation.column(column, scope);
            } else if (piece instanceof Scalar.Bare bare) {
                translation.bare(bare, scope);
            } else if (piece instanceof Scalar.Timed timed) {
                translation.timed(timed, plain(timed.row(), scope, problems));
            } else if (piece instanceof Scalar.Sublink sublink) {
                translation.sublink(sublink, scope.around().sublink(sublink, asked));
            } else {
                translation.piece(piece);
            }
        }
        return translation.done();
    }

    /** A piece that is not a column. */
    void piece(Piece piece) {
        if (piece instanceof Scalar.Word word) {
            token(word.token());
        } else if (piece instanceof Scalar.Sublink sublink) {
            refuse(SUBQUERY, sublink.first(), piece);
        } else if (piece instanceof Scalar.Computed computed) {
            reference(computed.column(), computed.tokens().get(0));
        } else if (piece instanceof Scalar.Window window) {
            refuse(WINDOW, window.tokens().get(0), piece);
        } else if (piece instanceof Scalar.Time || piece instanceof Scalar.Timed) {
            refuse(Clock.MISPLACED, piece.tokens().get(0), piece);
        } else if (piece instanceof Scalar.SetReturning function) {
            setReturning(function);
        } else if (piece instanceof Scalar.Refused refused) {
            refuse(refused.reason(), refused.tokens().get(0), piece);
        } else {
            Token token = piece.tokens().get(0);
            refuse("this construct is not understood: " + Texts.shortened(token.text()), token, piece);
        }
    }

    private void setReturning(Scalar.SetReturning function) {
        if (function.tokens().get(0).spaced() && !isEmpty()) {
            text.append(' ');
        }
        flush();
        parts.add(new Expression.SetReturning(Texts.of(function.tokens())));
    }

    void column(Scalar.Column column, Scope scope) {
        Optional<Identifier> name = scope.resolve(column.alias(), column.column());
        if (name.isPresent()) {
            reference(name.get(), column.tokens().get(0));
        } else {
            String shown = Texts.shortened(Texts.of(column.tokens()));
            refuse("the column " + shown + " is not one that changes are captured for", column);
        }
    }

    void bare(Scalar.Bare bare, Scope scope) {
        Optional<Expression> merged = scope.bare(bare.token().identifier());
        if (merged.isEmpty()) {
            piece(bare);
            return;
        }
        if (bare.token().spaced() && !isEmpty()) {
            text.append(' ');
        }
        expression(merged.get());
    }

    /** A comparison with the time, whose row side has been translated. */
    void timed(Scalar.Timed timed, Translated row) {
        refuse(row.problem());
        TimeMark.Comparison comparison = Clock.comparison(timed, row.expression());
        marks.add(comparison);
        reference(comparison.mark(), timed.tokens().get(0));
    }

    /** A subquery, and what it has become, if one may stand here. */
    void sublink(Scalar.Sublink sublink, Optional<Translated> translated) {
        if (translated.isEmpty()) {
            piece(sublink);
            return;
        }
        refuse(translated.get().problem());
        if (sublink.tokens().get(0).spaced() && !isEmpty()) {
            text.append(' ');
        }
        expression(translated.get().expression());
    }

    void reference(Identifier name, Token first) {
        if (first.spaced() && !isEmpty()) {
            text.append(' ');
        }
        reference(name);
    }

    void reference(Identifier name) {
        flush();
        parts.add(new Expression.Reference(name));
    }

    void token(Token token) {
        if (token.spaced() && !isEmpty()) {
            text.append(' ');
        }
        text.append(token.text());
    }

    void tokens(List<Token> tokens) {
        tokens.forEach(this::token);
    }

    void expression(Expression expression) {
        flush();
        parts.addAll(expression.parts());
    }

    void text(String own) {
        text.append(own);
    }

    void refuse(String reason, Piece piece) {
        refuse(reason, piece.tokens().get(0), piece);
    }

    /** Keeps the piece's text, so that people can read what was refused. */
    private void refuse(String reason, Token at, Piece piece) {
        Unsupported found = problems.add(reason, at);
        problem = problem.isPresent() ? problem : Optional.of(found);
        tokens(piece.tokens());
    }

    void refuse(Optional<Unsupported> found) {
        problem = problem.isPresent() ? problem : found;
    }

    Translated done() {
        flush();
        return new Translated(new Expression(parts), problem, marks);
    }

    private boolean isEmpty() {
        return parts.isEmpty() && text.isEmpty();
    }

    private void flush() {
        if (!text.isEmpty()) {
            parts.add(new Expression.Text(text.toString()));
            text.setLength(0);
        }
    }
}
