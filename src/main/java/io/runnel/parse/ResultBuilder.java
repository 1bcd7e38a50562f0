package io.runnel.parse;

import io.runnel.operator.Distinct;
import io.runnel.operator.Expression;
import io.runnel.operator.Limit;
import io.runnel.operator.Opaque;
import io.runnel.operator.Operator;
import io.runnel.operator.Projection;
import io.runnel.operator.Unsupported;
import io.runnel.parse.Translation.Translated;
import io.runnel.sql.Identifier;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.stream.Stream;

/**
 * Builds what stands above FROM, WHERE and the aggregation of one SELECT: windows, the SELECT list, DISTINCT, and ORDER BY
 * with LIMIT. An ORDER BY that limits nothing is left out.
 *
 * <p>What is sorted by and not selected is computed beside the SELECT list, and a projection at the end drops it.
 */
final class ResultBuilder {

    private static final String SORTED =
            "a set-returning function in ORDER BY that is not in the SELECT list has no delta rule yet";
    private static final String ANY_ROW =
            "DISTINCT ON has no delta rule when ORDER BY does not say which of several rows is meant";

    private final Build build;
    private final Query.Select select;
    private final List<Scalar.Sort> order;
    private final Optional<LimitClause> limit;
    private final List<Identifier> labels;
    private final Below below;
    private final WindowBuilder windows;
    private final List<Translated> outputs = new ArrayList<>();
    private final List<String> texts = new ArrayList<>();

    /** Translates expressions over the rows below. */
    interface Below {
        /** @param name what the result is called */
        Translated translate(Scalar scalar, Optional<Identifier> name);
    }

    /**
     * @param query whose body is the SELECT
     * @param labels the names of its columns
     */
    ResultBuilder(Build build, Query query, Query.Select select, List<Identifier> labels, Below below) {
        this.build = build;
        this.select = select;
        this.order = query.order();
        this.limit = query.limit().map(clauses -> LimitClause.read(clauses, build.problems()));
        this.labels = labels;
        this.below = below;
        int items = select.items().size();
        List<Scalar> keys = select.items().subList(items - select.keys(), items).stream()
                .map(Query.Item::expression)
                .toList();
        this.windows =
                new WindowBuilder(build, select.windows(), keys, scalar -> below.translate(scalar, Optional.empty()));
        for (Query.Item item : select.items()) {
            add(item.expression(), item.alias());
        }
        select.distinct().on().forEach(this::compute);
        if (isSorted()) {
            order.forEach(sort -> compute(sort.expression()));
        }
    }

    private void add(Scalar scalar, Optional<Identifier> name) {
        outputs.add(below.translate(windows.computed(scalar, name), name));
        texts.add(scalar.text());
    }

    private boolean isSorted() {
        return !select.distinct().on().isEmpty()
                || limit.filter(clause -> !clause.isAll()).isPresent();
    }

    /** Computes the expression unless the SELECT list does. */
    private void compute(Scalar scalar) {
        if (position(scalar) < 0) {
            add(GroupKeys.withoutExtraParentheses(scalar), Optional.empty());
        }
    }

    /** Where the expression is computed. */
    private int position(Scalar scalar) {
        int found = texts.indexOf(scalar.text());
        return found < 0
                ? texts.indexOf(GroupKeys.withoutExtraParentheses(scalar).text())
                : found;
    }

    /** The result over {@code input}; to be asked for when all that is below has been built. */
    Operator operator(Operator input, Optional<List<Identifier>> names) {
        boolean hidden = outputs.size() > labels.size();
        List<Identifier> columns =
                new ArrayList<>(names.filter(given -> !hidden).orElseGet(this::fresh));
        while (columns.size() < outputs.size()) {
            columns.add(build.names().fresh("sort"));
        }
        Operator projected = projection(windows.operator(input, references()), columns);
        Operator limited = limited(distinct(projected, columns), columns);
        if (!hidden) {
            return limited;
        }
        List<Identifier> visible = names.orElse(columns.subList(0, labels.size()));
        List<Projection.Output> kept = new ArrayList<>();
        for (int i = 0; i < visible.size(); i++) {
            kept.add(new Projection.Output(visible.get(i), Expression.column(columns.get(i))));
        }
        return new Projection(limited, kept);
    }

    private Set<Identifier> references() {
        Set<Identifier> references = new LinkedHashSet<>();
        for (Translated output : outputs) {
            references.addAll(output.expression().references());
            output.marks().forEach(mark -> references.addAll(mark.row().references()));
            output.marks().forEach(mark -> references.remove(mark.mark()));
        }
        return references;
    }

    /** A column that passes through keeps its name, once. */
    private List<Identifier> fresh() {
        Set<Identifier> kept = new HashSet<>();
        List<Identifier> names = new ArrayList<>();
        for (int i = 0; i < labels.size(); i++) {
            Optional<Identifier> column = outputs.get(i).expression().asColumn();
            boolean keeps = column.isPresent() && column.get().equals(labels.get(i)) && kept.add(column.get());
            names.add(keeps ? labels.get(i) : build.names().fresh(labels.get(i)));
        }
        return names;
    }

    private Operator projection(Operator input, List<Identifier> columns) {
        Optional<Unsupported> problem = outputs.stream()
                .flatMap(output -> output.problem().stream())
                .findFirst()
                .or(this::sortProblem);
        if (problem.isPresent()) {
            return new Opaque("projection", List.of(input), columns, problem.get());
        }
        List<Projection.Output> projected = new ArrayList<>();
        for (int i = 0; i < columns.size(); i++) {
            projected.add(new Projection.Output(columns.get(i), outputs.get(i).expression()));
        }
        Operator marked = input;
        for (Translated output : outputs) {
            marked = Clock.marked(marked, output.marks());
        }
        return new Projection(marked, projected);
    }

    /**
     * A set-returning function in ORDER BY multiplies rows, unless the SELECT list has the same; whatever else stands
     * there does not change the result.
     */
    private Optional<Unsupported> sortProblem() {
        List<String> listed =
                select.items().stream().map(item -> item.expression().text()).toList();
        return order.stream()
                .map(sort -> GroupKeys.withoutExtraParentheses(sort.expression()))
                .filter(sort -> !listed.contains(sort.text()))
                .flatMap(sort -> sort.pieces().stream())
                .filter(Scalar.SetReturning.class::isInstance)
                .findFirst()
                .map(function -> build.problems().add(SORTED, function.tokens().get(0)));
    }

    private Operator distinct(Operator operator, List<Identifier> columns) {
        Optional<Token> token = select.distinct().token();
        if (token.isEmpty()) {
            return operator;
        }
        if (select.distinct().on().isEmpty()) {
            if (columns.size() > labels.size()) {
                throw Refusal.notUnderstood(token.get());
            }
            return new Distinct(operator);
        }
        List<Identifier> keys = Stream.concat(
                        keys(columns).stream(),
                        select.distinct().on().stream().map(scalar -> columns.get(position(scalar))))
                .distinct()
                .toList();
        List<Limit.SortKey> rest = sortKeys(columns).stream()
                .filter(key -> !keys.contains(key.column()))
                .toList();
        if (rest.isEmpty() && !keys.containsAll(columns)) {
            Unsupported reason = build.problems().add(ANY_ROW, token.get());
            return new Opaque("distinct on", List.of(operator), operator.columns(), reason);
        }
        return new Limit(operator, keys, rest, 0, OptionalLong.of(1), false);
    }

    private List<Limit.SortKey> sortKeys(List<Identifier> columns) {
        return order.stream()
                .map(sort -> new Limit.SortKey(
                        columns.get(position(sort.expression())),
                        Texts.of(sort.direction()).strip()))
                .toList();
    }

    private Operator limited(Operator operator, List<Identifier> columns) {
        return limit.isEmpty()
                ? operator
                : limit.get()
                        .over(operator, keys(columns), isSorted() ? sortKeys(columns) : List.of(), build.problems());
    }

    private List<Identifier> keys(List<Identifier> columns) {
        return columns.subList(labels.size() - select.keys(), labels.size());
    }
}
