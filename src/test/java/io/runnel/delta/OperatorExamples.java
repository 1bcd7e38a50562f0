package io.runnel.delta;

import io.runnel.operator.AggregateCall;
import io.runnel.operator.Aggregation;
import io.runnel.operator.ColumnType;
import io.runnel.operator.ColumnType.Equality;
import io.runnel.operator.Distinct;
import io.runnel.operator.Expression;
import io.runnel.operator.Filter;
import io.runnel.operator.FunctionScan;
import io.runnel.operator.Join;
import io.runnel.operator.Limit;
import io.runnel.operator.MarkJoin;
import io.runnel.operator.OneRow;
import io.runnel.operator.Operator;
import io.runnel.operator.OuterJoin;
import io.runnel.operator.Padding;
import io.runnel.operator.Projection;
import io.runnel.operator.Recursion;
import io.runnel.operator.RecursiveReference;
import io.runnel.operator.Scan;
import io.runnel.operator.TimeMark;
import io.runnel.operator.Types;
import io.runnel.operator.UnionAll;
import io.runnel.operator.Window;
import io.runnel.sql.Identifier;
import io.runnel.sql.QualifiedName;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.stream.Stream;

/**
 * Small trees, each about one delta rule, over two tables: {@code a(id, part, price, note)} and {@code b(id, label)}.
 * The columns of a tree are called by the first letter of their table and their name.
 */
final class OperatorExamples {

    static final QualifiedName A = QualifiedName.of("golden", "a");
    static final QualifiedName B = QualifiedName.of("golden", "b");

    /** The columns of the tables and of all trees below, by the names they have in the trees. */
    static final Map<String, ColumnType> COLUMNS = Map.ofEntries(
            Map.entry("a id", new ColumnType("bigint", Equality.EXACT, true)),
            Map.entry("a part", new ColumnType("integer", Equality.EXACT, true)),
            Map.entry("a price", new ColumnType("numeric", Equality.INEXACT, true)),
            Map.entry("a note", new ColumnType("json", Equality.NONE, false)),
            Map.entry("a flag", new ColumnType("boolean", Equality.EXACT, true)),
            Map.entry("a at", new ColumnType("timestamp with time zone", Equality.EXACT, true)),
            Map.entry("b id", new ColumnType("bigint", Equality.EXACT, true)),
            Map.entry("b label", new ColumnType("text", Equality.EXACT, true)),
            Map.entry("mark", new ColumnType("boolean", Equality.EXACT, true)),
            Map.entry("reached", new ColumnType("bigint", Equality.EXACT, true)),
            Map.entry("next", new ColumnType("bigint", Equality.EXACT, true)),
            Map.entry("result", new ColumnType("bigint", Equality.EXACT, true)));

    static final Types TYPES = (operator, column) -> {
        ColumnType type = COLUMNS.get(column.name());
        if (type == null) {
            throw new IllegalArgumentException("no example column " + column.name());
        }
        return type;
    };

    private static final Operator SCAN_A = scan(A, "id", "part", "price");
    private static final Operator SCAN_B = scan(B, "id", "label");
    private static final Expression SAME_ID = expression("\"a part\"", " = ", "\"b id\"");

    private OperatorExamples() {}

    /**
     * @param name of the golden file
     * @param changed the tables that have changes
     */
    record Example(String name, Operator operator, Set<QualifiedName> changed) {
        @Override
        public String toString() {
            return name;
        }
    }

    static Stream<Example> all() {
        Operator join = new Join(List.of(SCAN_A, SCAN_B), Optional.of(SAME_ID));
        return Stream.of(
                new Example("scan", SCAN_A, Set.of(A)),
                new Example("scan_of_incomparable_column", scan(A, "id", "note"), Set.of(A)),
                new Example("scan_without_columns", scan(A), Set.of(A)),
                new Example("filter", new Filter(SCAN_A, expression("\"a part\"", " > 3")), Set.of(A)),
                new Example(
                        "projection",
                        new Projection(
                                SCAN_A,
                                List.of(new Projection.Output(
                                        Identifier.of("result"), expression("\"a part\"", "::bigint * 2")))),
                        Set.of(A)),
                new Example("comparison_with_the_time", timed(scan(A, "id", "at")), Set.of(A)),
                new Example("comparison_with_the_time_alone", timed(scan(A, "id", "at")), Set.of()),
                new Example(
                        "projection_of_sets",
                        new Projection(
                                SCAN_A,
                                List.of(new Projection.Output(
                                        Identifier.of("result"),
                                        new Expression(List.of(
                                                new Expression.SetReturning("generate_series"),
                                                new Expression.Text("(1, "),
                                                new Expression.Reference(Identifier.of("a id")),
                                                new Expression.Text(")")))))),
                        Set.of(A)),
                new Example("function_scan", function(SCAN_A, "\"a id\"", Optional.empty()), Set.of(A)),
                new Example(
                        "function_scan_otherwise_null",
                        function(SCAN_A, "\"a id\"", Optional.of(expression("\"result\"", " > ", "\"a part\""))),
                        Set.of(A)),
                new Example(
                        "join_with_constant_function",
                        new Join(
                                List.of(SCAN_A, function(new OneRow(), "3::bigint", Optional.empty())),
                                Optional.empty()),
                        Set.of(A)),
                new Example("join_with_one_changed_input", join, Set.of(B)),
                new Example("join_with_two_changed_inputs", join, Set.of(A, B)),
                new Example("cross_join", new Join(List.of(SCAN_A, SCAN_B), Optional.empty()), Set.of(A)),
                new Example(
                        "join_with_one_row",
                        new Join(List.of(SCAN_A, new OneRow()), Optional.of(expression("\"a part\"", " = 1"))),
                        Set.of(A)),
                new Example("left_join", new OuterJoin(SCAN_A, SCAN_B, SAME_ID, false), Set.of(A, B)),
                new Example("left_join_with_changed_left", new OuterJoin(SCAN_A, SCAN_B, SAME_ID, false), Set.of(A)),
                new Example("left_join_with_changed_right", new OuterJoin(SCAN_A, SCAN_B, SAME_ID, false), Set.of(B)),
                new Example("full_join", new OuterJoin(SCAN_A, SCAN_B, SAME_ID, true), Set.of(A, B)),
                new Example("mark_join", new MarkJoin(SCAN_A, SCAN_B, SAME_ID, Identifier.of("mark")), Set.of(A, B)),
                new Example(
                        "mark_join_without_columns",
                        new MarkJoin(scan(A), scan(B), Expression.text("true"), Identifier.of("mark")),
                        Set.of(B)),
                new Example("union_all", union(), Set.of(A, B)),
                new Example("union_all_with_one_changed_branch", union(), Set.of(B)),
                new Example(
                        "union_all_of_different_types",
                        new UnionAll(List.of(scan(A, "part"), scan(B, "id")), columns("result")),
                        Set.of(A)),
                new Example(
                        "padding",
                        new Padding(
                                new Aggregation(scan(A, "price"), List.of(), calls("count")),
                                SCAN_B,
                                columns("b label")),
                        Set.of(A)),
                new Example("recursion", recursion(true), Set.of(A)),
                new Example("recursion_without_duplicates", recursion(false), Set.of(A, B)),
                new Example(
                        "join_with_recursion", new Join(List.of(SCAN_B, recursion(true)), Optional.empty()), Set.of(B)),
                new Example("distinct", new Distinct(scan(A, "part", "price")), Set.of(A)),
                new Example("count", grouped("count"), Set.of(A)),
                new Example("count_without_groups", total("count"), Set.of(A)),
                new Example("count_distinct", distinct("count", "a price"), Set.of(A)),
                new Example("sum_of_integer", grouped("sum", "a part"), Set.of(A)),
                new Example("sum_of_numeric", grouped("sum", "a price"), Set.of(A)),
                new Example("avg_of_integer", grouped("avg", "a part"), Set.of(A)),
                new Example("min", grouped("min", "a price"), Set.of(A)),
                new Example("bool_or", booleans(), Set.of(A)),
                new Example("recomputed_aggregate", grouped("array_agg", "a part"), Set.of(A)),
                new Example("window", window("a part"), Set.of(A)),
                new Example("window_without_keys", window(), Set.of(A)),
                new Example("limit", limit(0, 3, false), Set.of(A)),
                new Example("limit_with_offset_and_ties", limit(2, 3, true, "a price"), Set.of(A)),
                new Example(
                        "offset_without_limit",
                        new Limit(SCAN_A, List.of(), order(), 2, OptionalLong.empty(), false),
                        Set.of(A)),
                new Example("join_with_limit", joinedLimit(), Set.of(A, B)),
                new Example(
                        "aggregate_over_join", new Aggregation(join, columns("b label"), calls("count")), Set.of(B)));
    }

    private static Operator timed(Operator input) {
        Expression bound = new Expression(List.of(
                new Expression.Text("("),
                new Expression.Reference(TimeMark.NOW),
                new Expression.Text(" - '01:00:00'::interval)")));
        return new TimeMark(input, new TimeMark.Comparison(Identifier.of("time"), expression("\"a at\""), ">", bound));
    }

    private static Operator function(Operator input, String argument, Optional<Expression> otherwise) {
        return new FunctionScan(
                input,
                expression("generate_series(1, ", argument, ")"),
                List.of(new FunctionScan.Output(Identifier.of("result"), Optional.empty())),
                otherwise);
    }

    /** From the ids of b down: the ids of a whose part has been reached. */
    private static Operator recursion(boolean all) {
        Operator start = scan(B, "id");
        RecursiveReference reference = new RecursiveReference(start, columns("reached"));
        Operator step = new Projection(
                new Join(
                        List.of(reference, scan(A, "id", "part")),
                        Optional.of(expression("\"a part\"", " = ", "\"reached\""))),
                List.of(new Projection.Output(Identifier.of("next"), Expression.column(Identifier.of("a id")))));
        return new Recursion(start, step, reference, Identifier.of("tree"), all, columns("result"));
    }

    private static Operator window(String... keys) {
        Expression call = keys.length == 0
                ? expression("count(*) OVER (ORDER BY ", "\"a price\"", " DESC)")
                : expression("count(*) OVER (PARTITION BY ", "\"" + keys[0] + "\"", " ORDER BY ", "\"a price\"", ")");
        return new Window(
                SCAN_A,
                columns(keys),
                columns("a id", "a part"),
                List.of(new Window.Call(Identifier.of("result"), call)));
    }

    private static Operator limit(long offset, long count, boolean ties, String... keys) {
        return new Limit(SCAN_A, columns(keys), order(), offset, OptionalLong.of(count), ties);
    }

    private static List<Limit.SortKey> order() {
        return List.of(
                new Limit.SortKey(Identifier.of("a price"), "DESC"), new Limit.SortKey(Identifier.of("a id"), ""));
    }

    private static Operator joinedLimit() {
        return new Join(List.of(SCAN_B, limit(0, 1, false, "a part")), Optional.of(SAME_ID));
    }

    private static Operator union() {
        return new UnionAll(List.of(scan(A, "id"), scan(B, "id")), columns("result"));
    }

    private static Operator grouped(String function, String... arguments) {
        return new Aggregation(SCAN_A, columns("a part"), calls(function, arguments));
    }

    private static Operator total(String function) {
        return new Aggregation(SCAN_A, List.of(), calls(function));
    }

    private static Operator distinct(String function, String argument) {
        return new Aggregation(
                SCAN_A,
                columns("a part"),
                List.of(new AggregateCall(
                        Identifier.of("result"),
                        function,
                        columns(argument),
                        true,
                        true,
                        Optional.empty(),
                        expression(function + "(DISTINCT ", "\"" + argument + "\"", ")"))));
    }

    private static Operator booleans() {
        return new Aggregation(scan(A, "part", "flag"), columns("a part"), calls("bool_or", "a flag"));
    }

    private static List<AggregateCall> calls(String function, String... arguments) {
        Expression call = arguments.length == 0
                ? Expression.text(function + "(*)")
                : expression(function + "(", "\"" + arguments[0] + "\"", ")");
        return List.of(new AggregateCall(
                Identifier.of("result"), function, columns(arguments), false, true, Optional.empty(), call));
    }

    private static Operator scan(QualifiedName table, String... columns) {
        return new Scan(
                table,
                Stream.of(columns)
                        .map(column -> new Scan.Read(
                                Identifier.of(column),
                                Identifier.of(table.name().name() + " " + column),
                                false))
                        .toList(),
                false);
    }

    /** Parts in double quotes are columns, the others text. */
    private static Expression expression(String... parts) {
        return new Expression(Stream.of(parts)
                .map(part -> part.startsWith("\"")
                        ? (Expression.Part)
                                new Expression.Reference(Identifier.of(part.substring(1, part.length() - 1)))
                        : new Expression.Text(part))
                .toList());
    }

    private static List<Identifier> columns(String... names) {
        return Stream.of(names).map(Identifier::of).toList();
    }
}
