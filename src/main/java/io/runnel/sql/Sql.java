package io.runnel.sql;

import com.google.errorprone.annotations.CompileTimeConstant;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Objects;
import java.util.stream.Collectors;

/**
 * SQL text that cannot have been injected.
 *
 * <p>Text enters by three doors only: literals of our own source ({@link #of}, whose template must be a compile-time
 * constant), quoted names ({@link Identifier}, {@link QualifiedName}), and expressions that PostgreSQL itself printed
 * ({@link #printedByPostgres}). Values are bound as {@code $n} where the statement allows parameters, and quoted by
 * {@link #literal} where it does not (DDL).
 */
public final class Sql {

    private static final String HOLE = "{}";

    private final String text;

    private Sql(String text) {
        this.text = text;
    }

    /**
     * Fills each {@code {}} of a constant template with the next part: an {@link Sql}, {@link Identifier},
     * {@link QualifiedName}, {@link Long} or {@link Integer}.
     */
    public static Sql of(@CompileTimeConstant final String template, Object... parts) {
        return fill(template, parts);
    }

    /** A scalar expression or query in PostgreSQL's own print. */
    public static Sql printedByPostgres(String text) {
        return new Sql(Objects.requireNonNull(text));
    }

    /** A value as a quoted literal, for statements that take no parameters. */
    public static Sql literal(String value) {
        String escaped = value.replace("\\", "\\\\").replace("'", "\\'");
        return new Sql(escaped.length() == value.length() ? "'" + value + "'" : "E'" + escaped + "'");
    }

    /** The parts, separated by a comma and a space. */
    public static Sql list(Collection<?> parts) {
        return join(", ", parts);
    }

    /** The parts, separated by a constant. */
    public static Sql join(@CompileTimeConstant final String separator, Collection<?> parts) {
        return new Sql(parts.stream().map(Sql::textOf).collect(Collectors.joining(separator)));
    }

    static Sql quoted(Identifier identifier) {
        return new Sql(identifier.toString());
    }

    private static Sql fill(String template, Object... parts) {
        StringBuilder out = new StringBuilder(template.length() + 32 * parts.length);
        int from = 0;
        for (Object part : parts) {
            int hole = template.indexOf(HOLE, from);
            if (hole < 0) {
                throw new IllegalArgumentException("more parts than holes in: " + template);
            }
            out.append(template, from, hole).append(textOf(part));
            from = hole + HOLE.length();
        }
        if (template.indexOf(HOLE, from) >= 0) {
            throw new IllegalArgumentException("fewer parts than holes in: " + template + " " + Arrays.asList(parts));
        }
        return new Sql(out.append(template, from, template.length()).toString());
    }

    private static String textOf(Object part) {
        if (part instanceof Sql sql) {
            return sql.text;
        }
        if (part instanceof Identifier identifier) {
            return identifier.toString();
        }
        if (part instanceof QualifiedName name) {
            return name.schema() + "." + name.name();
        }
        if (part instanceof Long || part instanceof Integer) {
            return part.toString();
        }
        if (part instanceof List<?> list) {
            return list(list).text;
        }
        throw new IllegalArgumentException("not a part of SQL: " + part.getClass());
    }

    public String text() {
        return text;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Sql sql && sql.text.equals(text);
    }

    @Override
    public int hashCode() {
        return text.hashCode();
    }

    @Override
    public String toString() {
        return text;
    }
}
