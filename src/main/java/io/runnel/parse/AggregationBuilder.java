package io.runnel.parse;

import io.runnel.operator.AggregateCall;
import io.runnel.operator.Aggregation;
import io.runnel.operator.Expression;
import io.runnel.operator.Opaque;
import io.runnel.operator.Operator;
import io.runnel.operator.Projection;
import io.runnel.operator.TimeMark;
import io.runnel.operator.Unsupported;
import io.runnel.parse.Mentions.Free;
import io.runnel.parse.Scalar.Aggregate;
import io.runnel.parse.Scalar.Piece;
import io.runnel.parse.Scalar.Sort;
import io.runnel.parse.Translation.Translated;
import io.runnel.sql.Identifier;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * Builds an aggregation and the projection below it, which computes every key, argument, sort key and filter, so that
 * the aggregation reads nothing but columns. Collects the calls while the expressions above are translated.
 */
final class AggregationBuilder {

    private static final String CONSTANT = "a constant as a key of grouping sets has no delta rule";

    private final Build build;
    private final Scope scope;
    private final Query.Select select;
    private final Map<Expression, Identifier> computed = new LinkedHashMap<>();
    private final GroupKeys keys;
    private final Map<Free, Identifier> outer;
    private final Subqueries subqueries;
    private final Map<String, Identifier> columns = new HashMap<>();
    private final Set<Free> grouped;
    private final Optional<GroupingSets> sets;
    private final List<AggregateCall> calls = new ArrayList<>();
    private final List<TimeMark.Comparison> marks = new ArrayList<>();
    private Optional<Unsupported> problem = Optional.empty();

    /**
     * @param scope the names below the aggregation
     * @param outer columns of enclosing queries that expressions above it read, and their names in the tree
     */
    AggregationBuilder(
            Build build, QueryBuilder queries, Scope scope, Query.Select select, Map<Free, Identifier> outer) {
        this.build = build;
        this.scope = scope;
        this.select = select;
        this.outer = Map.copyOf(outer);
        this.keys = new GroupKeys();
        this.subqueries = new Subqueries(build, queries, new Subqueries.Context() {
            @Override
            public Optional<Identifier> column(Scalar.Column column) {
                return keys.at(List.of(column), 0).map(GroupKeys.Match::column).or(() -> dependent(column));
            }

            @Override
            public Translated translate(Scalar scalar) {
                return AggregationBuilder.this.translate(scalar);
            }
        });
        for (Scalar scalar : select.grouping().map(Query.Grouping::keys).orElse(List.of())) {
            Identifier column = column(scalar, keyName(scalar));
            keys.add(scalar, column);
            columns.put(scalar.text(), column);
        }
        this.grouped = select.grouping().map(Query.Grouping::keys).orElse(List.of()).stream()
                .filter(key -> key.pieces().size() == 1)
                .flatMap(key -> key.pieces().stream())
                .filter(Scalar.Column.class::isInstance)
                .map(key -> Free.of((Scalar.Column) key))
                .collect(Collectors.toSet());
        this.sets = select.grouping()
                .filter(grouping -> grouping.special().isPresent())
                .map(this::sets);
    }

    private GroupingSets sets(Query.Grouping grouping) {
        // PostgreSQL prints a constant otherwise here than in the SELECT list, where it could not be told from one that
        // is
        // no key and stays what it is.
        Optional<Scalar> constant =
                grouping.keys().stream().filter(AggregationBuilder::isConstant).findFirst();
        constant.ifPresent(key -> problem = Optional.of(build.problems().add(CONSTANT, key.first())));
        if (grouping.sets().size() > GroupingSets.SETS_MAX) {
            String reason = "GROUP BY with more than " + GroupingSets.SETS_MAX + " grouping sets has no delta rule";
            problem =
                    Optional.of(build.problems().add(reason, grouping.special().orElseThrow()));
        }
        List<Identifier> all = keys.columns();
        List<Set<Integer>> numbers = new ArrayList<>();
        for (Set<Integer> set : grouping.sets()) {
            numbers.add(set.stream()
                    .map(key -> all.indexOf(columns.get(grouping.keys().get(key).text())))
                    .collect(Collectors.toSet()));
        }
        return new GroupingSets(numbers, all, build.names().fresh("grouping_set"), build.names());
    }

    private static boolean isConstant(Scalar key) {
        return key.pieces().stream().allMatch(Scalar.Word.class::isInstance);
    }

    /** The name under which the SELECT list shows the key. */
    private String keyName(Scalar key) {
        return select.items().stream()
                .filter(item ->
                        item.alias().isPresent() && item.expression().text().equals(key.text()))
                .findFirst()
                .flatMap(Query.Item::alias)
                .map(Identifier::name)
                .orElse("key");
    }

    /** Translates an expression above the aggregation. */
    Translated translate(Scalar scalar) {
        return translate(scalar, Optional.empty());
    }

    /** Likewise; {@code name} is what its call is called when the expression is nothing but a call. */
    Translated translate(Scalar scalar, Optional<Identifier> name) {
        Translation translation = new Translation(build.problems());
        List<Piece> pieces = scalar.pieces();
        int at = 0;
        while (at < pieces.size()) {
            Piece piece = pieces.get(at);
            Identifier borrowed = piece instanceof Scalar.Column column ? outer.get(Free.of(column)) : null;
            if (borrowed != null) {
                translation.reference(borrowed, piece.tokens().get(0));
                at++;
                continue;
            }
            Optional<GroupKeys.Match> match = keys.at(pieces, at);
            if (match.isPresent()) {
                translation.reference(match.get().column(), piece.tokens().get(0));
                at += match.get().length();
                continue;
            }
            Optional<Identifier> dependent =
                    piece instanceof Scalar.Column column ? dependent(column) : Optional.empty();
            if (dependent.isPresent()) {
                translation.reference(dependent.get(), piece.tokens().get(0));
            } else if (piece instanceof Scalar.Timed timed) {
                translation.timed(timed, translate(timed.row()));
            } else if (piece instanceof Aggregate aggregate) {
                Optional<Identifier> own = pieces.size() == 1 ? name : Optional.empty();
                translation.reference(call(aggregate, own), aggregate.tokens().get(0));
            } else if (piece instanceof Scalar.Sublink sublink) {
                translation.sublink(sublink, Optional.of(subqueries.translate(sublink, Around.Asked.VALUE)));
            } else if (piece instanceof Scalar.Grouped grouped) {
                grouping(grouped, translation);
            } else if (piece instanceof Scalar.Column || piece instanceof Scalar.Bare) {
                translation.refuse(
                        "the column " + Texts.shortened(Texts.of(piece.tokens()))
                                + " is neither grouped nor inside an aggregate, and no key of its table is grouped by alone",
                        piece);
            } else {
                translation.piece(piece);
            }
            at++;
        }
        return translation.done();
    }

    /**
     * The column as one more key, if a key of its table is grouped by: that splits no group. Not where there are several
     * ways of grouping.
     */
    private Optional<Identifier> dependent(Scalar.Column column) {
        boolean determined = sets.isEmpty()
                && scope.keys(column.alias()).stream()
                        .anyMatch(key -> !key.isEmpty()
                                && key.stream().allMatch(label -> grouped.contains(new Free(column.alias(), label))));
        if (!determined) {
            return Optional.empty();
        }
        Scalar scalar = new Scalar(List.of(column));
        Identifier key = column(scalar, keyName(scalar));
        keys.add(scalar, key);
        columns.put(scalar.text(), key);
        return Optional.of(key);
    }

    /** Without grouping sets every key is grouped by. */
    private void grouping(Scalar.Grouped grouped, Translation translation) {
        List<Identifier> arguments = grouped.arguments().stream()
                .flatMap(argument -> Optional.ofNullable(columns.get(argument.text())).stream())
                .toList();
        if (arguments.size() < grouped.arguments().size()) {
            translation.refuse("what GROUPING asks for is not understood", grouped);
        } else if (sets.isPresent()) {
            translation.text(grouped.tokens().get(0).spaced() ? " (" : "(");
            translation.expression(sets.get().grouping(arguments));
            translation.text(")");
        } else {
            translation.text(grouped.tokens().get(0).spaced() ? " 0" : "0");
        }
    }

    private Identifier call(Aggregate aggregate, Optional<Identifier> name) {
        List<Identifier> within = columns(aggregate.within(), "sort");
        List<Identifier> arguments = new ArrayList<>();
        List<Expression> direct = new ArrayList<>();
        for (Scalar argument : aggregate.arguments()) {
            if (aggregate.within().isEmpty()) {
                arguments.add(column(argument, "argument"));
                direct.add(Expression.column(arguments.get(arguments.size() - 1)));
            } else {
                Translated translated = translate(argument);
                problem = problem.or(translated::problem);
                if (!translated.marks().isEmpty()) {
                    problem = problem.or(() -> Optional.of(build.problems().add(Clock.MISPLACED, argument.first())));
                }
                direct.add(translated.expression());
            }
        }
        List<Identifier> order = columns(aggregate.order(), "sort");
        Optional<Identifier> filter = aggregate.filter().map(scalar -> column(scalar, "filter"));
        Expression text = text(aggregate, direct, order, within, filter);
        for (AggregateCall call : calls) {
            if (call.call().equals(text)) {
                return call.name();
            }
        }
        List<Token> function = aggregate.function();
        Identifier label = name.orElse(function.get(function.size() - 1).identifier());
        AggregateCall call = new AggregateCall(
                build.names().fresh(label),
                Texts.of(function).strip(),
                arguments.isEmpty() ? within : arguments,
                aggregate.distinct(),
                aggregate.plain(),
                filter,
                text);
        calls.add(call);
        return call.name();
    }

    /** The call over the columns of the projection. */
    private Expression text(
            Aggregate aggregate,
            List<Expression> arguments,
            List<Identifier> order,
            List<Identifier> within,
            Optional<Identifier> filter) {
        Translation call = new Translation(build.problems());
        call.tokens(aggregate.function());
        call.text(aggregate.distinct() ? "(DISTINCT " : "(");
        if (aggregate.star()) {
            call.text("*");
        }
        for (int i = 0; i < arguments.size(); i++) {
            call.text(i == 0 ? "" : ", ");
            call.text(aggregate.variadic() && i == arguments.size() - 1 ? "VARIADIC " : "");
            call.expression(arguments.get(i));
        }
        sorts(call, " ORDER BY ", order, aggregate.order());
        call.text(")");
        if (!within.isEmpty()) {
            sorts(call, " WITHIN GROUP (ORDER BY ", within, aggregate.within());
            call.text(")");
        }
        filter.ifPresent(column -> {
            call.text(" FILTER (WHERE ");
            call.reference(column);
            call.text(")");
        });
        return call.done().expression();
    }

    private static void sorts(Translation call, String clause, List<Identifier> columns, List<Sort> sorts) {
        for (int i = 0; i < columns.size(); i++) {
            call.text(i == 0 ? clause : ", ");
            call.reference(columns.get(i));
            call.tokens(sorts.get(i).direction());
        }
    }

    private List<Identifier> columns(List<Sort> sorts, String base) {
        return sorts.stream().map(sort -> column(sort.expression(), base)).toList();
    }

    /** The column of the projection that computes the expression; equal expressions share one. */
    private Identifier column(Scalar scalar, String base) {
        Translated translated = Translation.plain(scalar, scope, build.problems());
        problem = problem.or(translated::problem);
        marks.addAll(translated.marks());
        Expression expression = translated.expression();
        return computed.computeIfAbsent(
                expression,
                any -> expression.asColumn().orElseGet(() -> build.names().fresh(base)));
    }

    /** The columns of keys, in order. */
    List<Identifier> keyColumns(List<Scalar> scalars) {
        return scalars.stream().map(key -> column(key, "key")).toList();
    }

    List<AggregateCall> calls() {
        return List.copyOf(calls);
    }

    /** The groups with the answers of the subqueries above. To be asked for when everything has been translated. */
    Operator answered(Operator groups) {
        return subqueries.apply(groups);
    }

    /** The aggregation over {@code input}. To be asked for when everything above has been translated. */
    Operator operator(Operator input) {
        if (calls.isEmpty() && (keys.columns().isEmpty() || sets.isPresent())) {
            Identifier rows = build.names().fresh("rows");
            calls.add(new AggregateCall(
                    rows, "count", List.of(), false, true, Optional.empty(), Expression.text("count(*)")));
        }
        List<Identifier> all = new ArrayList<>(keys.columns());
        calls.forEach(call -> all.add(call.name()));
        if (problem.isPresent()) {
            return new Opaque("aggregation", List.of(input), all, problem.get());
        }
        List<Projection.Output> outputs = new ArrayList<>();
        computed.forEach((expression, name) -> outputs.add(new Projection.Output(name, expression)));
        Projection rows = new Projection(Clock.marked(input, marks), outputs);
        return sets.isPresent() ? sets.get().operator(rows, calls) : new Aggregation(rows, keys.columns(), calls);
    }
}
