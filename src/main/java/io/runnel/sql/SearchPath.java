package io.runnel.sql;

import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** A list of schemas, read from text that anybody may have written, and quoted again. */
public record SearchPath(List<Identifier> schemas) {

    private static final Pattern ITEM = Pattern.compile("\\s*(?:\"((?:[^\"]|\"\")+)\"|([^\\s\",;']+))\\s*(?:,|$)");

    /** On which nothing is found by its bare name but what PostgreSQL brings. */
    public static final SearchPath EMPTY = new SearchPath(List.of());

    private static final Identifier CATALOG = Identifier.of("pg_catalog");

    public SearchPath {
        schemas = List.copyOf(schemas);
    }

    /** Reads a comma-separated list of names, quoted or not; throws if it is anything else. */
    public static SearchPath parse(String text) {
        List<Identifier> schemas = new ArrayList<>();
        Matcher matcher = ITEM.matcher(text);
        int at = 0;
        while (at < text.length()) {
            if (!matcher.find(at) || matcher.start() != at) {
                throw new IllegalArgumentException("not a search path: " + text);
            }
            String quoted = matcher.group(1);
            String plain = matcher.group(2);
            schemas.add(
                    quoted != null
                            ? Identifier.of(quoted.replace("\"\"", "\""))
                            : Identifier.of(String.valueOf(plain).toLowerCase(Locale.ROOT)));
            at = matcher.end();
        }
        return new SearchPath(schemas);
    }

    /**
     * A path on which text that PostgreSQL printed means what it meant: the catalog comes first, whatever somebody has put
     * before it, and the schemas of the types that occur come last, so that {@code =} is found for each of them.
     */
    public SearchPath reading(List<Identifier> typeSchemas) {
        List<Identifier> all = new ArrayList<>(schemas);
        all.remove(CATALOG);
        typeSchemas.stream().filter(schema -> !all.contains(schema)).forEach(all::add);
        return new SearchPath(all);
    }

    /** This path, and where that finds nothing the other schemas. */
    public SearchPath then(Collection<Identifier> others) {
        return new SearchPath(
                Stream.concat(schemas.stream(), others.stream()).distinct().toList());
    }

    /** What follows {@code SET search_path =}. */
    public Sql sql() {
        return schemas.isEmpty() ? Sql.of("''") : Sql.list(schemas);
    }
}
