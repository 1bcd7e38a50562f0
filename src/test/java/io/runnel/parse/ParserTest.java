package io.runnel.parse;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.tuple;

import io.runnel.operator.AggregateCall;
import io.runnel.operator.Aggregation;
import io.runnel.operator.Filter;
import io.runnel.operator.Join;
import io.runnel.operator.Operator;
import io.runnel.operator.Projection;
import io.runnel.operator.Scan;
import io.runnel.operator.Unsupported;
import io.runnel.sql.Identifier;
import io.runnel.sql.QualifiedName;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** What the tree looks like; that it means the query is {@link CanonicalTextTest}'s business. */
class ParserTest {

    private static final Relation NOTES = new Relation.Table(
            List.of(Identifier.of("id"), Identifier.of("text")),
            Optional.of("foreign tables have no change capture"),
            List.of(),
            Set.of());
    private static final Map<String, Relation> TABLES = Map.of(
            "t",
            table("id", "a", "b", "weight"),
            "u",
            table("id", "t_id"),
            "notes",
            NOTES,
            "endless",
            new Relation.View("SELECT id FROM ( SELECT e.id FROM public.endless e) q;", names("id")));

    private static Relation table(String... columns) {
        return new Relation.Table(names(columns), Optional.empty(), List.of(), Set.of());
    }

    private static List<Identifier> names(String... names) {
        return List.of(names).stream().map(Identifier::of).toList();
    }

    private static Optional<Relation> find(QualifiedName name) {
        return Optional.ofNullable(TABLES.get(name.name().name()));
    }

    static ParsedQuery parse(String columns, String query) {
        return parse(" SELECT " + columns + "\n   FROM ( " + query + ") q;");
    }

    static ParsedQuery parse(String canonical) {
        return Parser.parse(canonical, ParserTest::find, Set.of("count", "sum", "public.\"Total\""), Set.of("unnest"));
    }

    private static <T extends Operator> T only(ParsedQuery parsed, Class<T> type) {
        List<T> found =
                parsed.root().walk().filter(type::isInstance).map(type::cast).toList();
        assertThat(found).hasSize(1);
        return found.get(0);
    }

    @Test
    void scan_reads_only_the_columns_that_the_query_names() {
        ParsedQuery parsed = parse("b", "SELECT t.b FROM public.t WHERE (t.a > 1)");
        assertThat(only(parsed, Scan.class).reads())
                .containsExactly(
                        new Scan.Read(Identifier.of("a"), Identifier.of("a"), false),
                        new Scan.Read(Identifier.of("b"), Identifier.of("b"), false));
    }

    @Test
    void query_over_one_relation_is_a_filter_over_a_scan() {
        ParsedQuery parsed = parse("b", "SELECT t.b FROM public.t WHERE ((t.a > 1) AND (t.b = 'AND t.x'::text))");
        Filter filter = only(parsed, Filter.class);
        assertThat(filter.input()).isInstanceOf(Scan.class);
        assertThat(filter.predicate().over(Identifier.of("r")).text())
                .isEqualTo("(\"r\".\"a\" > 1) AND (\"r\".\"b\" = 'AND t.x'::text)");
    }

    @Test
    void nested_inner_joins_become_one_join_and_conditions_on_one_input_filter_it() {
        ParsedQuery parsed = parse(
                "a, t_id",
                "SELECT t.a, u.t_id FROM ((public.t JOIN public.u ON ((t.id = u.t_id))) CROSS JOIN public.u u_1)"
                        + " WHERE ((t.a > 1) AND (u_1.id = u.id) AND (u_1.id < 3))");
        Join join = only(parsed, Join.class);
        assertThat(join.inputs()).extracting(Operator::label).containsExactly("filter", "scan of public.u", "filter");
        assertThat(join.condition().orElseThrow().over(Identifier.of("r")).text())
                .isEqualTo("(\"r\".\"id\" = \"r\".\"t_id\") AND (\"r\".\"id_2\" = \"r\".\"id_3\")");
    }

    @Test
    void condition_with_or_at_its_top_stays_whole() {
        ParsedQuery parsed = parse(
                "a", "SELECT t.a FROM public.t, public.u WHERE (((t.a > 1) AND (u.id < 3)) OR (t.b = 'x'::text))");
        assertThat(only(parsed, Join.class).inputs()).allMatch(Scan.class::isInstance);
    }

    @Test
    void column_named_weight_gets_another_name_everywhere() {
        ParsedQuery parsed = parse("weight", "SELECT t.weight FROM public.t");
        assertThat(parsed.root().columns()).containsExactly(Identifier.of("weight_2"));
        assertThat(only(parsed, Scan.class).reads())
                .containsExactly(new Scan.Read(Identifier.of("weight"), Identifier.of("weight_2"), false));
    }

    @Test
    void aggregation_reads_columns_only_and_equal_calls_are_one() {
        ParsedQuery parsed = parse(
                "k, s, t, n",
                "SELECT (t.a + 1) AS k, sum((t.b * 2)) AS s, (sum((t.b * 2)) + 1) AS t,"
                        + " count(*) FILTER (WHERE (t.b > 0)) AS n FROM public.t GROUP BY (t.a + 1)");
        Aggregation aggregation = only(parsed, Aggregation.class);
        assertThat(aggregation.input()).isInstanceOf(Projection.class);
        assertThat(aggregation.keys()).containsExactly(Identifier.of("k"));
        assertThat(aggregation.calls())
                .extracting(AggregateCall::function, AggregateCall::arguments, AggregateCall::filter)
                .containsExactly(
                        tuple("sum", names("argument"), Optional.empty()),
                        tuple("count", List.of(), Optional.of(Identifier.of("filter"))));
        assertThat(aggregation.calls().get(1).call().over(Identifier.of("r")).text())
                .isEqualTo("count(*) FILTER (WHERE \"r\".\"filter\")");
        assertThat(parsed.counts().aggregates()).isEqualTo(3);
    }

    @Test
    void call_of_a_function_with_the_name_of_an_aggregate_in_another_schema_is_none() {
        ParsedQuery parsed = parse("c", "SELECT public.count(t.a) AS c FROM public.t");
        assertThat(parsed.isSupported()).isTrue();
        assertThat(parsed.counts().aggregates()).isZero();
    }

    @Test
    void key_is_not_recognised_in_a_longer_cast() {
        ParsedQuery parsed = parse("x", "SELECT (t.a)::numeric(10,2) AS x FROM public.t GROUP BY ((t.a)::numeric)");
        assertThat(parsed.unsupported())
                .extracting(Unsupported::reason)
                .containsExactly(
                        "the column t.a is neither grouped nor inside an aggregate, and no key of its table is grouped by alone");
    }

    @Test
    void table_without_capture_is_refused_with_its_reason() {
        ParsedQuery parsed = parse("id", "SELECT n.id FROM public.notes n");
        assertThat(parsed.unsupported())
                .containsExactly(new Unsupported("foreign tables have no change capture", 45, "notes"));
    }

    @Test
    void view_that_reads_itself_is_refused() {
        assertThat(parse("id", "SELECT e.id FROM public.endless e").unsupported())
                .extracting(Unsupported::reason)
                .containsExactly("views and common table expressions are expanded at most 200 times in one query"
                        + " (in the view public.endless)");
    }

    @Test
    void common_table_expressions_that_double_are_expanded_only_so_often() {
        StringBuilder query = new StringBuilder("WITH c0 AS (SELECT t.id FROM public.t)");
        for (int i = 1; i < 30; i++) {
            query.append(", c")
                    .append(i)
                    .append(" AS (SELECT x.id FROM c")
                    .append(i - 1)
                    .append(" x, c")
                    .append(i - 1)
                    .append(" y WHERE (x.id = y.id))");
        }
        assertThat(parse("id", query + " SELECT c29.id FROM c29").isSupported()).isFalse();
    }

    @Test
    void column_that_is_printed_without_its_relation_is_refused() {
        assertThat(parse("id", "SELECT (id + 1) AS id FROM (public.t JOIN public.u USING (id))")
                        .unsupported())
                .extracting(Unsupported::reason)
                .containsExactly("this construct is not understood: id");
    }

    @Test
    void result_columns_that_differ_from_the_select_list_are_refused() {
        assertThat(parse("a, b", "SELECT t.b, t.a FROM public.t").isSupported()).isFalse();
        assertThat(parse("a", "SELECT t.a, t.b FROM public.t").isSupported()).isFalse();
    }

    @Test
    void text_without_the_wrapper_is_refused() {
        assertThat(parse("SELECT t.a FROM public.t").isSupported()).isFalse();
        assertThat(parse("SELECT a FROM (SELECT t.a FROM public.t) q WHERE true")
                        .isSupported())
                .isFalse();
        assertThat(parse("").isSupported()).isFalse();
    }
}
