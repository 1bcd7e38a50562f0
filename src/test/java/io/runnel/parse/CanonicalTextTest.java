package io.runnel.parse;

import static org.assertj.core.api.Assertions.assertThat;

import io.runnel.operator.Operator;
import io.runnel.operator.States;
import io.runnel.operator.Unsupported;
import io.runnel.sql.Sql;
import java.io.IOException;
import java.sql.SQLException;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Reads what a real PostgreSQL prints, and lets it say whether it was read rightly. */
class CanonicalTextTest {

    private static CanonicalDatabase database;

    @BeforeAll
    static void start() throws IOException, SQLException {
        database = new CanonicalDatabase();
    }

    @AfterAll
    static void stop() throws IOException, SQLException {
        database.close();
    }

    static List<String> supported() throws IOException {
        return CanonicalDatabase.statements("supported.sql");
    }

    static Stream<Refused> unsupported() throws IOException {
        return CanonicalDatabase.statements("unsupported.sql").stream().map(Refused::of);
    }

    /** {@code reason @ token # query}. */
    record Refused(String reason, String token, String query) {
        static Refused of(String line) {
            String[] parts = line.strip().split(" [@#] ", 3);
            return new Refused(parts[0], parts[1], parts[2]);
        }
    }

    @ParameterizedTest
    @MethodSource("supported")
    void tree_yields_the_rows_of_the_query(String query) throws SQLException {
        String canonical = database.canonical(query);
        ParsedQuery parsed = database.parse(canonical);

        assertThat(parsed.unsupported()).as(canonical).isEmpty();
        assertThat(parsed.root().walk().flatMap(operator -> operator.unsupported().stream()))
                .isEmpty();
        assertColumnsAreUnique(parsed.root());
        String expected = database.createView(canonical, "");
        String tree = parsed.root().result(new Nested()).text();
        String actual;
        try {
            actual = database.createView(tree, "");
        } catch (SQLException e) {
            throw new AssertionError(canonical + "\n" + tree, e);
        }
        assertThat(types(actual)).as(tree).isEqualTo(types(expected));
        assertThat(difference(expected, actual)).as("missing from " + tree).isEmpty();
        assertThat(difference(actual, expected)).as("too many in " + tree).isEmpty();
    }

    @ParameterizedTest
    @MethodSource("supported")
    void print_of_a_supported_query_means_the_same(String query) throws SQLException {
        assertPrintMeansTheSame(query);
    }

    @ParameterizedTest
    @MethodSource("unsupported")
    void print_of_an_unsupported_query_means_the_same(Refused refused) throws SQLException {
        assertPrintMeansTheSame(refused.query());
    }

    private static void assertPrintMeansTheSame(String query) throws SQLException {
        String canonical = database.canonical(query);
        ParsedQuery parsed = database.parse(canonical);
        assertThat(database.again("SELECT * FROM (" + parsed.printedBack() + ") q"))
                .as(parsed.printedBack())
                .isEqualTo(database.again(canonical));
    }

    @ParameterizedTest
    @MethodSource("unsupported")
    void unsupported_query_says_why_and_where(Refused refused) throws SQLException {
        String canonical = database.canonical(refused.query());
        ParsedQuery parsed = database.parse(canonical);

        assertThat(parsed.unsupported()).extracting(Unsupported::reason).contains(refused.reason());
        assertThat(parsed.unsupported()).allSatisfy(problem -> {
            assertThat(canonical.startsWith(problem.token(), problem.position()))
                    .as("%s", problem)
                    .isTrue();
        });
        assertThat(parsed.unsupported())
                .filteredOn(problem -> problem.reason().equals(refused.reason()))
                .extracting(Unsupported::token)
                .contains(refused.token());
        assertThat(parsed.root().walk().flatMap(operator -> operator.unsupported().stream()))
                .as("what is unsupported has its place in the tree")
                .isNotEmpty()
                .isSubsetOf(parsed.unsupported());
        assertColumnsAreUnique(parsed.root());
    }

    @ParameterizedTest
    @MethodSource("supported")
    void counts_are_those_of_the_stored_tree(String query) throws SQLException {
        assertCounts(query);
    }

    @ParameterizedTest
    @MethodSource("unsupported")
    void counts_of_an_unsupported_query_are_those_of_the_stored_tree(Refused refused) throws SQLException {
        assertCounts(refused.query());
    }

    private static void assertCounts(String query) throws SQLException {
        String canonical = database.canonical(query);
        String view = database.createView(canonical, "");
        String rule = database.strings("SELECT ev_action FROM pg_rewrite WHERE ev_class = '" + view + "'::regclass")
                .get(0);
        ParsedQuery.Counts counts = database.parse(canonical).counts();
        assertThat(counts)
                .as(canonical)
                .isEqualTo(new ParsedQuery.Counts(
                        nodes(rule, "AGGREF"),
                        nodes(rule, "SUBLINK"),
                        nodes(rule, "WINDOWFUNC"),
                        nodes(rule, "FUNCEXPR :funcid 1299")
                                + nodes(rule, "FUNCEXPR :funcid 2647")
                                + rule.split("SQLVALUEFUNCTION :op [03478] ", -1).length
                                - 1));
    }

    private static int nodes(String rule, String name) {
        return rule.split("\\{" + name + " ", -1).length - 1;
    }

    private static void assertColumnsAreUnique(Operator root) {
        assertThat(root.walk()).allSatisfy(operator -> {
            Set<Object> columns = new HashSet<>(operator.columns());
            assertThat(columns).hasSameSizeAs(operator.columns());
            assertThat(columns.toString().contains("\"weight\"")).isFalse();
        });
    }

    private static List<String> types(String view) throws SQLException {
        return database.strings("SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = '" + view
                + "'::regclass AND attnum > 0 ORDER BY attnum");
    }

    private static List<String> difference(String view, String other) throws SQLException {
        return database.strings("SELECT v::text FROM " + view + " v EXCEPT ALL SELECT v::text FROM " + other + " v");
    }

    /** Evaluates every operator in place. */
    private static final class Nested implements States {
        @Override
        public Sql of(Operator input) {
            return Sql.of("({})", input.result(this));
        }
    }
}
