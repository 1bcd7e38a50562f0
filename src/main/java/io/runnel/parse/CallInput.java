package io.runnel.parse;

import io.runnel.operator.Expression;
import io.runnel.operator.FunctionScan;
import io.runnel.operator.OneRow;
import io.runnel.operator.Opaque;
import io.runnel.operator.Operator;
import io.runnel.operator.Unsupported;
import io.runnel.parse.Translation.Translated;
import io.runnel.sql.Identifier;
import io.runnel.sql.Sql;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.IntStream;

/**
 * A function in FROM, VALUES, or a SELECT without FROM: an operator over the items of FROM that its arguments read, a
 * constant if there are none.
 */
record CallInput(
        Expression call, Optional<Unsupported> problem, List<Identifier> labels, List<FunctionScan.Output> outputs)
        implements Input {

    CallInput {
        labels = List.copyOf(labels);
        outputs = List.copyOf(outputs);
    }

    /** The call, whose arguments may name columns of {@code scope}. */
    static CallInput of(Query.Call call, Scope scope, Build build) {
        Translated translated = timeless(Translation.plain(call.call(), scope, build.problems()), call.first(), build);
        List<FunctionScan.Output> outputs = new ArrayList<>();
        for (Query.Call.Column column : call.columns()) {
            Optional<Sql> type = column.type().isEmpty()
                    ? Optional.empty()
                    : Optional.of(Sql.printedByPostgres(Texts.of(column.type()).strip()));
            outputs.add(new FunctionScan.Output(build.names().fresh(column.label()), type));
        }
        List<Identifier> labels =
                call.columns().stream().map(Query.Call.Column::label).toList();
        if (outputs.isEmpty()) {
            throw Refusal.notUnderstood(call.first());
        }
        return new CallInput(translated.expression(), translated.problem(), labels, outputs);
    }

    /** Whether a query in FROM reads no rows of its own, so that it is a question of each row before it alone. */
    static boolean isRow(Query.Derived derived) {
        if (!derived.query().isBare()) {
            return false;
        }
        return derived.query().body() instanceof Query.Values
                || (derived.query().body() instanceof Query.Select select
                        && !derived.free().isEmpty()
                        && isRow(select));
    }

    private static boolean isRow(Query.Select select) {
        return select.from().isEmpty()
                && select.grouping().isEmpty()
                && select.having().isEmpty()
                && select.windows().isEmpty()
                && select.distinct().token().isEmpty()
                && !select.items().isEmpty()
                && select.items().stream().allMatch(item -> isPlain(item.expression()))
                && select.where().stream().allMatch(CallInput::isPlain);
    }

    private static boolean isPlain(Scalar scalar) {
        return scalar.pieces().stream()
                .allMatch(piece -> piece instanceof Scalar.Word || piece instanceof Scalar.Column);
    }

    /** The rows of what {@link #isRow} has found, whose expressions may name columns of {@code scope}. */
    static CallInput of(Query.Derived derived, Scope scope, Build build) {
        List<Identifier> names = derived.alias().columns();
        if (derived.query().body() instanceof Query.Values values) {
            return of(values, FromBuilder.relabelled(values.labels(), names, derived.first()), scope, build);
        }
        Query.Select select = (Query.Select) derived.query().body();
        List<Identifier> labels = select.items().stream().map(Query.Item::label).toList();
        return of(select, FromBuilder.relabelled(labels, names, derived.first()), scope, build);
    }

    /** The rows, whose expressions may name columns of {@code scope}. */
    static CallInput of(Query.Values values, List<Identifier> labels, Scope scope, Build build) {
        Translation translation = new Translation(build.problems());
        Translated rows = timeless(Translation.plain(values.text(), scope, build.problems()), values.first(), build);
        translation.text("(");
        translation.expression(rows.expression());
        translation.text(")");
        if (labels.isEmpty()) {
            throw Refusal.notUnderstood(values.first());
        }
        return new CallInput(translation.done().expression(), rows.problem(), labels, outputs(labels, build));
    }

    private static CallInput of(Query.Select select, List<Identifier> labels, Scope scope, Build build) {
        Translation translation = new Translation(build.problems());
        Optional<Unsupported> problem = Optional.empty();
        for (int i = 0; i < select.items().size(); i++) {
            Translated item = Translation.plain(select.items().get(i).expression(), scope, build.problems());
            problem = problem.or(item::problem);
            translation.text(i == 0 ? "(SELECT " : ", ");
            translation.expression(item.expression());
        }
        if (select.where().isPresent()) {
            Translated where = Translation.plain(select.where().get(), scope, build.problems());
            problem = problem.or(where::problem);
            translation.text(" WHERE ");
            translation.expression(where.expression());
        }
        translation.text(")");
        return new CallInput(translation.done().expression(), problem, labels, outputs(labels, build));
    }

    private static List<FunctionScan.Output> outputs(List<Identifier> labels, Build build) {
        return labels.stream()
                .map(label -> new FunctionScan.Output(build.names().fresh(label), Optional.empty()))
                .toList();
    }

    /** Comparisons with the time are marks on rows, which the arguments of a call cannot be. */
    private static Translated timeless(Translated translated, Token token, Build build) {
        return translated.marks().isEmpty()
                ? translated
                : new Translated(
                        translated.expression(), Optional.of(build.problems().add(Clock.MISPLACED, token)), List.of());
    }

    @Override
    public Optional<Identifier> resolve(Identifier label) {
        int index = labels.indexOf(label);
        return index < 0 || labels.lastIndexOf(label) != index
                ? Optional.empty()
                : Optional.of(outputs.get(index).name());
    }

    /** Whether an item of FROM is a function of others. */
    static boolean isDependent(Rows rows) {
        return rows instanceof Rows.Leaf leaf
                && leaf.input() instanceof CallInput input
                && !input.references().isEmpty();
    }

    Set<Identifier> references() {
        return call.references();
    }

    @Override
    public Operator operator() {
        return over(new OneRow(), Optional.empty());
    }

    /** The call for each row of {@code input}, which has all columns that it reads. */
    Operator over(Operator input, Optional<Condition> otherwise) {
        Optional<Unsupported> refused = problem.or(() -> otherwise.flatMap(Condition::problem));
        if (refused.isPresent()) {
            List<Identifier> columns = new ArrayList<>(input.columns());
            outputs.forEach(output -> columns.add(output.name()));
            return new Opaque("function scan", List.of(input), columns, refused.get());
        }
        return new FunctionScan(input, call, outputs, otherwise.map(Condition::expression));
    }

    /** The rows alone, under the names that are asked for. */
    Operator named(List<Identifier> names) {
        List<FunctionScan.Output> renamed = IntStream.range(0, outputs.size())
                .mapToObj(i ->
                        new FunctionScan.Output(names.get(i), outputs.get(i).type()))
                .toList();
        return new CallInput(call, problem, labels, renamed).operator();
    }
}
