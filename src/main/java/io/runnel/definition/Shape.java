package io.runnel.definition;

import io.runnel.cdc.Source;
import io.runnel.definition.RelationFacts.Column;
import io.runnel.definition.RelationFacts.Table;
import io.runnel.operator.Operator;
import io.runnel.operator.Scan;
import io.runnel.sql.Identifier;
import io.runnel.sql.Sql;
import java.util.List;
import java.util.Set;
import java.util.StringJoiner;
import java.util.TreeMap;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * What a stream table was built upon and nothing in PostgreSQL protects: the text of views, the keys of tables, their
 * columns' names, also those of yesterday, and which are not null, how many there are where rows are read as a whole, security
 * and inheritance. It is kept with the stream table as text; each refresh reads the
 * same from the catalogs, and where they differ, the stream table is built anew.
 *
 * <p>Names of relations are no part of it, and neither are columns and keys that the query does not read.
 */
final class Shape {

    /** What is remembered of a relation {@code c}; {@link RelationReader} reads the same. */
    private static final String GUARD = """
            concat_ws(' ', c.oid, c.relkind, c.relpersistence,
              CASE WHEN c.relrowsecurity THEN (
                SELECT md5(concat(c.relforcerowsecurity, c.relowner,
                  (SELECT string_agg(concat(r.rolname, r.oid), ',' ORDER BY r.oid) FROM pg_roles AS r WHERE r.rolsuper OR r.rolbypassrls),
                  (SELECT string_agg(m::text, ',' ORDER BY m::text) FROM pg_auth_members AS m)))) ELSE 'f' END,
              coalesce((SELECT string_agg(concat(d.oid, d.relkind, d.relpersistence), ',' ORDER BY d.oid)
                FROM pg_class AS d
                WHERE (c.relkind = 'r' OR d.relkind = 'f' OR d.relpersistence <> 'p') AND d.oid IN ({})), 'f'),
              EXISTS (SELECT FROM pg_inherits AS i WHERE i.inhrelid = c.oid),
              (SELECT md5(string_agg(r.ev_action::text, '')) FROM pg_rewrite AS r
               WHERE r.ev_class = c.oid AND c.relkind = 'v'))""";

    static Sql guard() {
        return Sql.of(GUARD, Sql.of(Source.DESCENDANTS, Sql.of("c.oid")));
    }

    /** Whether an index {@code i} compares its columns as they compare themselves. */
    static final String IN_ITS_COLLATIONS = """
            NOT EXISTS (
              SELECT FROM unnest(i.indkey::int2[], i.indcollation::oid[]) AS k(number, collated)
              JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.number
              WHERE a.attcollation <> k.collated)""";

    private static final String RELATION = """
            (SELECT {} FROM pg_class AS c WHERE c.oid = {}::oid)""";
    private static final String TABLE = """
            (SELECT concat_ws(' ', {},
               coalesce((SELECT string_agg(concat_ws(':', a.attnum, a.attname, a.xmin, a.attnotnull), ',' ORDER BY a.attnum)
                 FROM pg_attribute AS a
                 WHERE a.attrelid = c.oid AND a.attnum = ANY (ARRAY[{}]::int2[])), '-'){},
               coalesce((SELECT string_agg(DISTINCT k.key, ';' ORDER BY k.key)
                 FROM pg_index AS i
                 CROSS JOIN LATERAL (
                   SELECT ARRAY(SELECT i.indkey[n] FROM generate_series(0, i.indnkeyatts - 1) AS n ORDER BY 1)::text COLLATE "C" AS key,
                     (SELECT bool_and(a.attnotnull AND a.attnum = ANY (ARRAY[{}]::int2[])) FROM pg_attribute AS a
                      WHERE a.attrelid = c.oid AND a.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1])) AS proves
                 ) AS k
                 WHERE i.indrelid = c.oid AND i.indisunique AND i.indimmediate AND i.indisvalid AND i.indpred IS NULL
                   AND i.indexprs IS NULL AND k.proves AND {}), '-'))
             FROM pg_class AS c WHERE c.oid = {}::oid)""";

    private static final Sql COUNT = Sql.of("""
            ,
               (SELECT count(*) FROM pg_attribute AS a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)""");

    private static final Pattern NAMES = Pattern.compile("(?<=[ ,])(\\d+):([^\\n]*?):\\d+:[tf](?=[ ,\\n]|$)");

    private final Operator root;
    private final RelationFacts facts;

    Shape(Operator root, RelationFacts facts) {
        this.root = root;
        this.facts = facts;
    }

    /** The shape as it was when the facts were read. */
    String text() {
        StringJoiner text = new StringJoiner("\n");
        new TreeMap<>(facts.guards())
                .forEach((relation, guard) -> text.add(facts.tables().stream()
                        .filter(table -> table.relation() == relation)
                        .findFirst()
                        .map(table -> guard + " " + columns(table) + count(table) + " " + keys(table))
                        .orElse(guard)));
        return text.toString();
    }

    /** The shape as the catalogs have it now. */
    Sql expression() {
        List<Sql> parts = new TreeMap<>(facts.guards())
                .keySet().stream()
                        .map(relation -> facts.tables().stream()
                                .filter(table -> table.relation() == relation)
                                .findFirst()
                                .map(this::table)
                                .orElseGet(() -> Sql.of(RELATION, guard(), relation)))
                        .toList();
        return parts.isEmpty() ? Sql.of("''") : Sql.of("concat_ws(E'\\n', {})", parts);
    }

    private Sql table(Table table) {
        List<Sql> numbers = read(table).stream()
                .map(column -> Sql.of("{}", column.number()))
                .toList();
        Sql count = whole(table) ? COUNT : Sql.of("");
        return Sql.of(TABLE, guard(), numbers, count, numbers, Sql.of(IN_ITS_COLLATIONS), table.relation());
    }

    private String count(Table table) {
        return whole(table) ? " " + table.columns().size() : "";
    }

    private boolean whole(Table table) {
        return scans(table).anyMatch(Scan::whole);
    }

    private Stream<Scan> scans(Table table) {
        return root.walk()
                .filter(Scan.class::isInstance)
                .map(Scan.class::cast)
                .filter(scan -> scan.table().equals(table.name()));
    }

    private String columns(Table table) {
        String columns = read(table).stream()
                .map(column -> String.join(
                        ":",
                        Long.toString(column.number()),
                        column.name().name(),
                        column.version(),
                        column.notNull() ? "t" : "f"))
                .collect(Collectors.joining(","));
        return columns.isEmpty() ? "-" : columns;
    }

    /** The numbers and names of columns in what {@link #text} has remembered, line by line. */
    static List<String> names(String text) {
        return NAMES.matcher(text)
                .results()
                .map(found -> found.group(1) + ":" + found.group(2))
                .toList();
    }

    private String keys(Table table) {
        List<Column> read = read(table);
        Set<Identifier> names = read.stream().map(Column::name).collect(Collectors.toSet());
        String keys = table.keys().stream()
                .filter(names::containsAll)
                .map(key -> read.stream()
                        .filter(column -> key.contains(column.name()))
                        .map(column -> Long.toString(column.number()))
                        .collect(Collectors.joining(",", "{", "}")))
                .distinct()
                .sorted()
                .collect(Collectors.joining(";"));
        return keys.isEmpty() ? "-" : keys;
    }

    /** The columns that the query reads, in the order of their numbers. */
    private List<Column> read(Table table) {
        Set<Identifier> names = scans(table)
                .flatMap(scan -> scan.reads().stream())
                .map(Scan.Read::column)
                .collect(Collectors.toSet());
        return table.columns().stream()
                .filter(column -> names.contains(column.name()))
                .toList();
    }
}
