package io.runnel.parse;

import static org.assertj.core.api.Assumptions.assumeThat;

import io.runnel.sql.Identifier;
import io.runnel.sql.QualifiedName;
import io.zonky.test.db.postgres.embedded.EmbeddedPostgres;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/** A PostgreSQL with the tables of {@code schema.sql} that prints queries as the parser expects them. */
final class CanonicalDatabase implements AutoCloseable, Relations {

    private static final String FUNCTIONS = """
            SELECT DISTINCT CASE WHEN n.nspname = 'pg_catalog' THEN '' ELSE quote_ident(n.nspname) || '.' END || quote_ident(p.proname)
            FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
            WHERE %s""";

    private static final Pattern SINCE = Pattern.compile("\\s*/\\* (\\d+) \\*/");

    private final EmbeddedPostgres server;
    private final Connection connection;
    private final Set<String> aggregates;
    private final Set<String> setReturning;
    private int views;

    CanonicalDatabase() throws IOException, SQLException {
        server = EmbeddedPostgres.builder().start();
        connection = server.getPostgresDatabase().getConnection();
        execute("SET search_path = ''");
        for (String statement : statements("schema.sql")) {
            execute(statement);
        }
        aggregates = names("p.prokind = 'a'");
        setReturning = names("p.proretset");
    }

    private Set<String> names(String condition) throws SQLException {
        return new HashSet<>(strings(FUNCTIONS.formatted(condition)));
    }

    /** The statements of a file in this package, each ended by a semicolon at the end of its line. */
    static List<String> statements(String file) throws IOException {
        try (InputStream in = Objects.requireNonNull(CanonicalDatabase.class.getResourceAsStream(file))) {
            String text = new String(in.readAllBytes(), StandardCharsets.UTF_8);
            return Arrays.stream(text.split(";\\s*\n"))
                    .filter(statement -> !statement.isBlank())
                    .toList();
        }
    }

    /**
     * The canonical text of a query that people wrote, which may name things without {@code public}. A query that starts
     * with a version in a comment is skipped on older servers.
     */
    String canonical(String query) throws SQLException {
        Matcher since = SINCE.matcher(query);
        if (since.lookingAt()) {
            assumeThat(connection.getMetaData().getDatabaseMajorVersion())
                    .isGreaterThanOrEqualTo(Integer.parseInt(since.group(1)));
        }
        return view("SELECT * FROM (\n" + query + "\n) q", "public");
    }

    /** The canonical text of canonical text. */
    String again(String canonical) throws SQLException {
        return view(canonical, "");
    }

    private String view(String definition, String searchPath) throws SQLException {
        String view = createView(definition, searchPath);
        return strings("SELECT pg_get_viewdef('" + view + "'::regclass)").get(0);
    }

    /** Creates a view and returns its name. */
    String createView(String definition, String searchPath) throws SQLException {
        String name = "public.runnel_" + ++views;
        execute("SET search_path = '" + searchPath + "'");
        try {
            execute("CREATE VIEW " + name + " AS " + definition);
        } finally {
            execute("SET search_path = ''");
        }
        return name;
    }

    ParsedQuery parse(String canonical) {
        return Parser.parse(canonical, this, aggregates, setReturning);
    }

    private List<List<Identifier>> keys(QualifiedName table) throws SQLException {
        List<Identifier> key = strings("SELECT a.attname FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid"
                        + " AND a.attnum = ANY (i.indkey) WHERE i.indisprimary AND i.indrelid = '"
                        + table.sql().text() + "'::regclass")
                .stream()
                .map(Identifier::of)
                .toList();
        return key.isEmpty() ? List.of() : List.of(key);
    }

    private Set<Identifier> notNull(QualifiedName table) throws SQLException {
        return strings("SELECT attname FROM pg_attribute WHERE attnotnull AND attnum > 0 AND attrelid = '"
                        + table.sql().text() + "'::regclass")
                .stream()
                .map(Identifier::of)
                .collect(Collectors.toSet());
    }

    @Override
    public Optional<Relation> find(QualifiedName name) {
        if (name.schema().name().equals("pg_catalog")) {
            return Optional.empty();
        }
        try {
            List<Identifier> columns = strings("SELECT attname FROM pg_attribute WHERE attrelid = '"
                            + name.sql().text() + "'::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum")
                    .stream()
                    .map(Identifier::of)
                    .toList();
            boolean isView = strings("SELECT relkind FROM pg_class WHERE oid = '"
                            + name.sql().text() + "'::regclass")
                    .get(0)
                    .equals("v");
            return Optional.of(
                    isView
                            ? new Relation.View(
                                    again("SELECT * FROM ("
                                            + strings("SELECT rtrim(pg_get_viewdef('"
                                                            + name.sql().text() + "'::regclass), ';')")
                                                    .get(0)
                                            + ") q"),
                                    columns)
                            : new Relation.Table(columns, Optional.empty(), keys(name), notNull(name)));
        } catch (SQLException e) {
            throw new IllegalStateException(e);
        }
    }

    @Override
    public Optional<String> type(QualifiedName table, Identifier column) {
        try {
            return strings(
                            "SELECT format_type(atttypid, atttypmod) || attcollation FROM pg_attribute WHERE attrelid = '"
                                    + table.sql().text() + "'::regclass AND attname = '" + column.name() + "'")
                    .stream()
                    .findFirst();
        } catch (SQLException e) {
            throw new IllegalStateException(e);
        }
    }

    void execute(String sql) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.execute(sql);
        }
    }

    /** The first column of a query's result. */
    List<String> strings(String sql) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery(sql)) {
            List<String> strings = new ArrayList<>();
            while (rows.next()) {
                strings.add(rows.getString(1));
            }
            return strings;
        }
    }

    @Override
    public void close() throws IOException, SQLException {
        connection.close();
        server.close();
    }
}
