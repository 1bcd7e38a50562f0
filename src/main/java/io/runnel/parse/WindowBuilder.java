package io.runnel.parse;

import io.runnel.operator.Expression;
import io.runnel.operator.Opaque;
import io.runnel.operator.Operator;
import io.runnel.operator.Projection;
import io.runnel.operator.TimeMark;
import io.runnel.operator.Unsupported;
import io.runnel.operator.Window;
import io.runnel.parse.Translation.Translated;
import io.runnel.sql.Identifier;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;

/**
 * Builds the windows of one SELECT, one for each PARTITION BY list, and the projection below them, which computes what
 * they are partitioned by and leaves out what nothing above reads. Collects the calls while the expressions above are
 * being translated.
 */
final class WindowBuilder {

    private static final String FRAME = "a subquery in the frame of a window has no delta rule yet";

    private final Build build;
    private final List<Scalar> everywhere;
    private final Function<Scalar, Translated> below;
    private final Map<String, WindowSpec> named = new HashMap<>();
    private final Map<List<Identifier>, List<Window.Call>> windows = new LinkedHashMap<>();
    private final Map<Expression, Identifier> keys = new LinkedHashMap<>();
    private final List<TimeMark.Comparison> marks = new ArrayList<>();
    private Optional<Unsupported> problem = Optional.empty();

    /**
     * @param clause the WINDOW clause
     * @param everywhere by what every window is partitioned besides
     * @param below translates an expression over the rows that the windows see
     */
    WindowBuilder(
            Build build, List<WindowSpec.Named> clause, List<Scalar> everywhere, Function<Scalar, Translated> below) {
        this.build = build;
        this.everywhere = List.copyOf(everywhere);
        this.below = below;
        for (WindowSpec.Named window : clause) {
            named.put(window.name().text(), window.spec().resolved(named));
        }
    }

    /** The expression with each call replaced by its column, which is called {@code name} if it is all there is. */
    Scalar computed(Scalar scalar, Optional<Identifier> name) {
        Optional<Identifier> own = scalar.pieces().size() == 1 ? name : Optional.empty();
        List<Scalar.Piece> pieces = new ArrayList<>();
        for (Scalar.Piece piece : scalar.pieces()) {
            pieces.add(
                    piece instanceof Scalar.Window window
                            ? new Scalar.Computed(window.tokens(), call(window, own))
                            : piece);
        }
        return new Scalar(pieces);
    }

    private Identifier call(Scalar.Window window, Optional<Identifier> name) {
        WindowSpec over = window.over().resolved(named);
        List<Identifier> partition = new ArrayList<>();
        List<Scalar> scalars = new ArrayList<>(everywhere);
        scalars.addAll(over.partition());
        for (Scalar scalar : scalars) {
            Identifier key = key(scalar);
            if (!partition.contains(key)) {
                partition.add(key);
            }
        }
        Translation text = new Translation(build.problems());
        text.expression(translated(window.call()));
        over(text, partition, over);
        Expression expression = text.done().expression();
        List<Window.Call> calls = windows.computeIfAbsent(partition, any -> new ArrayList<>());
        for (Window.Call call : calls) {
            if (call.expression().equals(expression)) {
                return call.name();
            }
        }
        Identifier label = name.orElseGet(() -> function(window));
        Window.Call call = new Window.Call(build.names().fresh(label), expression);
        calls.add(call);
        return call.name();
    }

    /** The last part of the function's name. */
    private static Identifier function(Scalar.Window window) {
        List<Token> tokens = window.tokens();
        int open = 0;
        while (!tokens.get(open).isSymbol("(")) {
            open++;
        }
        return tokens.get(open - 1).identifier();
    }

    private void over(Translation text, List<Identifier> partition, WindowSpec over) {
        text.text(" OVER (");
        for (int i = 0; i < partition.size(); i++) {
            text.text(i == 0 ? "PARTITION BY " : ", ");
            text.reference(partition.get(i));
        }
        for (int i = 0; i < over.order().size(); i++) {
            text.text(i > 0 ? ", " : partition.isEmpty() ? "ORDER BY " : " ORDER BY ");
            text.expression(translated(over.order().get(i).expression()));
            text.tokens(over.order().get(i).direction());
        }
        if (over.frame().isPresent()) {
            Scalar frame = over.frame().get();
            if (frame.pieces().stream().anyMatch(Scalar.Sublink.class::isInstance)) {
                problem = problem.or(() -> Optional.of(build.problems().add(FRAME, frame.first())));
            }
            text.text(" ");
            text.expression(translated(over.frame().get()));
        }
        text.text(")");
    }

    private Identifier key(Scalar scalar) {
        Expression expression = translated(GroupKeys.withoutExtraParentheses(scalar));
        Optional<Identifier> column = expression.asColumn();
        return column.isPresent()
                ? column.get()
                : keys.computeIfAbsent(expression, any -> build.names().fresh("partition"));
    }

    private Expression translated(Scalar scalar) {
        Translated translated = below.apply(scalar);
        problem = problem.or(translated::problem);
        marks.addAll(translated.marks());
        return translated.expression();
    }

    /** The windows over {@code input}, with the columns that {@code read} names; just the input if there are none. */
    Operator operator(Operator input, Set<Identifier> read) {
        if (windows.isEmpty()) {
            return input;
        }
        Set<Identifier> needed = new LinkedHashSet<>(read);
        windows.values().forEach(calls -> calls.forEach(call -> needed.remove(call.name())));
        List<Set<Identifier>> above = new ArrayList<>();
        List<Map.Entry<List<Identifier>, List<Window.Call>>> all = List.copyOf(windows.entrySet());
        for (int i = all.size() - 1; i >= 0; i--) {
            needed.addAll(all.get(i).getKey());
            above.add(0, new LinkedHashSet<>(needed));
            all.get(i)
                    .getValue()
                    .forEach(call -> needed.addAll(call.expression().references()));
        }
        Operator operator = projected(Clock.marked(input, marks), needed);
        List<Identifier> computed = new ArrayList<>();
        for (int i = 0; i < all.size(); i++) {
            Set<Identifier> wanted = above.get(i);
            List<Identifier> kept = new ArrayList<>(
                    operator.columns().stream().filter(wanted::contains).toList());
            kept.addAll(computed);
            all.get(i).getValue().forEach(call -> computed.add(call.name()));
            operator =
                    new Window(operator, all.get(i).getKey(), kept, all.get(i).getValue());
        }
        return problem.isPresent() ? new Opaque("window", List.of(input), operator.columns(), problem.get()) : operator;
    }

    private Operator projected(Operator input, Set<Identifier> needed) {
        List<Projection.Output> outputs = new ArrayList<>();
        input.columns().stream()
                .filter(needed::contains)
                .forEach(column -> outputs.add(new Projection.Output(column, Expression.column(column))));
        keys.forEach((expression, name) -> outputs.add(new Projection.Output(name, expression)));
        return outputs.size() == input.columns().size() && keys.isEmpty() ? input : new Projection(input, outputs);
    }
}
