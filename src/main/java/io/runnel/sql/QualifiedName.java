package io.runnel.sql;

import java.util.Locale;
import java.util.Objects;

/** A relation's or function's name with its schema, both exactly as the catalogs hold them. */
public record QualifiedName(Identifier schema, Identifier name) implements Comparable<QualifiedName> {

    private static final Identifier PUBLIC = Identifier.of("public");

    public QualifiedName {
        Objects.requireNonNull(schema);
        Objects.requireNonNull(name);
    }

    public static QualifiedName of(String schema, String name) {
        return new QualifiedName(Identifier.of(schema), Identifier.of(name));
    }

    /**
     * Reads what a person writes: {@code name}, {@code schema.name}, either part in double quotes. As in SQL, a part
     * without quotes is folded to lower case; the schema defaults to {@code public}.
     *
     * @throws IllegalArgumentException if the text is not a name
     */
    public static QualifiedName parse(String text) {
        NameReader reader = new NameReader(text);
        Identifier first = reader.part();
        QualifiedName name;
        if (reader.dot()) {
            name = new QualifiedName(first, reader.part());
        } else {
            name = new QualifiedName(PUBLIC, first);
        }
        reader.end();
        return name;
    }

    public Sql sql() {
        return Sql.of("{}.{}", schema, name);
    }

    @Override
    public int compareTo(QualifiedName other) {
        int bySchema = schema.compareTo(other.schema);
        return bySchema != 0 ? bySchema : name.compareTo(other.name);
    }

    /** {@code schema.name} for people: quoted only where SQL would need it. */
    public String display() {
        return display(schema) + "." + display(name);
    }

    private static String display(Identifier part) {
        return part.name().matches("[a-z_][a-z0-9_$]*") ? part.name() : part.toString();
    }

    private static final class NameReader {
        private final String text;
        private int at;

        NameReader(String text) {
            this.text = text.strip();
        }

        Identifier part() {
            if (at < text.length() && text.charAt(at) == '"') {
                return quoted();
            }
            int start = at;
            while (at < text.length()
                    && (Character.isLetterOrDigit(text.charAt(at)) || "_$".indexOf(text.charAt(at)) >= 0)) {
                at++;
            }
            if (at == start || Character.isDigit(text.charAt(start)) || text.charAt(start) == '$') {
                throw invalid();
            }
            return Identifier.of(text.substring(start, at).toLowerCase(Locale.ROOT));
        }

        private Identifier quoted() {
            StringBuilder name = new StringBuilder();
            at++;
            while (at < text.length()) {
                char c = text.charAt(at++);
                if (c != '"') {
                    name.append(c);
                } else if (at < text.length() && text.charAt(at) == '"') {
                    name.append('"');
                    at++;
                } else if (name.isEmpty()) {
                    throw invalid();
                } else {
                    return Identifier.of(name.toString());
                }
            }
            throw invalid();
        }

        boolean dot() {
            if (at < text.length() && text.charAt(at) == '.') {
                at++;
                return true;
            }
            return false;
        }

        void end() {
            if (at != text.length()) {
                throw invalid();
            }
        }

        private IllegalArgumentException invalid() {
            return new IllegalArgumentException("\"" + text + "\" is not a name of the form schema.table");
        }
    }
}
