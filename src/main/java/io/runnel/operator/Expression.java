package io.runnel.operator;

import io.runnel.sql.Identifier;
import io.runnel.sql.Sql;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;

/**
 * A scalar expression in PostgreSQL's own print, in which only the references to columns of the operator's input are
 * recognised. Everything else passes through untouched.
 */
public record Expression(List<Part> parts) {

    /** A piece of an expression. */
    public sealed interface Part {}

    /** Text as PostgreSQL printed it. */
    public record Text(String text) implements Part {}

    /** A column of the input, by the name that the input gives it. */
    public record Reference(Identifier column) implements Part {}

    /** The name of a set-returning function, before its arguments; it multiplies the rows of a projection. */
    public record SetReturning(String text) implements Part {}

    public Expression {
        parts = List.copyOf(parts);
    }

    /** Whether it yields a set of values for each row. */
    public boolean returnsSet() {
        return parts.stream().anyMatch(SetReturning.class::isInstance);
    }

    public static Expression column(Identifier column) {
        return new Expression(List.of(new Reference(column)));
    }

    public static Expression text(String printedByPostgres) {
        return new Expression(List.of(new Text(printedByPostgres)));
    }

    /** Text of ours and expressions, in order. */
    public static Expression of(Object... textsAndExpressions) {
        List<Part> parts = new ArrayList<>();
        for (Object piece : textsAndExpressions) {
            if (piece instanceof Expression expression) {
                parts.addAll(expression.parts());
            } else {
                parts.add(new Text((String) piece));
            }
        }
        return new Expression(parts);
    }

    /** The expression in which some columns are replaced by expressions. */
    public Expression replace(Function<Identifier, Optional<Expression>> replacements) {
        List<Part> replaced = new ArrayList<>();
        for (Part part : parts) {
            Optional<Expression> replacement =
                    part instanceof Reference reference ? replacements.apply(reference.column()) : Optional.empty();
            replacement.ifPresentOrElse(expression -> replaced.addAll(expression.parts()), () -> replaced.add(part));
        }
        return new Expression(replaced);
    }

    /** The columns that the expression reads, in order of their first appearance. */
    public Set<Identifier> references() {
        Set<Identifier> references = new LinkedHashSet<>();
        for (Part part : parts) {
            if (part instanceof Reference reference) {
                references.add(reference.column());
            }
        }
        return references;
    }

    /** The column, if the expression is nothing but a column. */
    public Optional<Identifier> asColumn() {
        if (parts.size() == 1 && parts.get(0) instanceof Reference reference) {
            return Optional.of(reference.column());
        }
        return Optional.empty();
    }

    /** The expression with each column read from {@code relation}. */
    public Sql over(Identifier relation) {
        return render(column -> Sql.of("{}.{}", relation, column));
    }

    /** The expression with each column replaced by what {@code columns} says. */
    public Sql render(Function<Identifier, Sql> columns) {
        StringBuilder text = new StringBuilder();
        for (Part part : parts) {
            if (part instanceof Text piece) {
                text.append(piece.text());
            } else if (part instanceof SetReturning function) {
                text.append(function.text());
            } else if (part instanceof Reference reference) {
                text.append(columns.apply(reference.column()).text());
            }
        }
        return Sql.printedByPostgres(text.toString());
    }

    /** The same expression over renamed columns. */
    public Expression rename(Function<Identifier, Identifier> names) {
        List<Part> renamed = new ArrayList<>();
        for (Part part : parts) {
            renamed.add(part instanceof Reference reference ? new Reference(names.apply(reference.column())) : part);
        }
        return new Expression(renamed);
    }
}
