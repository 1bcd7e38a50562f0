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
 * A function in FROM, or VALUES: an operator over the items of FROM that its arguments read, a constant if there are none.
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

    /** The rows, whose expressions may name columns of {@code scope}. */
    static CallInput of(Query.Values values, List<Identifier> labels, Scope scope, Build build) {
        Translation translation = new Translation(build.problems());
        Translated rows = timeless(Translation.plain(values.text(), scope, build.problems()), values.first(), build);
        translation.text("(");
        translation.expression(rows.expression());
        translation.text(")");
        List<FunctionScan.Output> outputs = labels.stream()
                .map(label -> new FunctionScan.Output(build.names().fresh(label), Optional.empty()))
                .toList();
        if (outputs.isEmpty()) {
            throw Refusal.notUnderstood(values.first());
        }
        return new CallInput(translation.done().expression(), rows.problem(), labels, outputs);
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
