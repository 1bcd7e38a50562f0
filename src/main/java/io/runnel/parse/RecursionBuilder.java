package io.runnel.parse;

import io.runnel.operator.Operator;
import io.runnel.operator.Recursion;
import io.runnel.operator.RecursiveReference;
import io.runnel.parse.Build.CteInScope;
import io.runnel.parse.Build.Tree;
import io.runnel.sql.Identifier;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Turns a common table expression of WITH RECURSIVE into operators: {@code start UNION [ALL] step}, where the step reads
 * the expression itself, or a query like any other.
 *
 * <p>SEARCH only adds a column to sort by, which no table can hold, so it is left out.
 */
final class RecursionBuilder {

    private static final String SEARCH = "SEARCH of a recursion that drops duplicates has no delta rule";

    private final QueryBuilder queries;

    RecursionBuilder(QueryBuilder queries) {
        this.queries = queries;
    }

    /** The tree of the expression, under the names that its columns have outside. */
    Tree build(CteInScope scope, Token token) {
        Query query = scope.cte().query();
        if (query.body() instanceof Query.SetOperation union && union.operator().isKeyword("UNION")) {
            Build build = query.with().map(scope.build()::with).orElse(scope.build());
            Optional<Tree> recursive = recursive(scope.cte(), union, build, token);
            if (recursive.isPresent()) {
                return recursive.get();
            }
        }
        Tree tree = queries.build(query, scope.build());
        return new Tree(
                tree.operator(),
                FromBuilder.relabelled(tree.labels(), scope.cte().columns(), token));
    }

    /** Empty if the second operand does not read the expression. */
    private Optional<Tree> recursive(Query.Cte cte, Query.SetOperation union, Build build, Token token) {
        Tree first = queries.build(union.left(), build);
        List<Identifier> labels = new ArrayList<>(FromBuilder.relabelled(first.labels(), cte.columns(), token));
        Optional<Cycle> cycle = cycle(cte, union, List.copyOf(labels), build);
        Operator start = cycle.map(found -> found.start(first.operator())).orElse(first.operator());
        int width = labels.size();
        cycle.ifPresent(found -> labels.add(found.mark()));
        RecursiveReference reference = new RecursiveReference(start, build.fresh(start.columns()));
        Build within = build.within(cte, new Tree(reference, labels));
        Operator step = queries.build(union.right(), within).operator();
        if (step.walk().noneMatch(reference::equals)) {
            return Optional.empty();
        }
        if (step.columns().size() != width) {
            throw Refusal.notUnderstood(union.operator());
        }
        Operator marked = cycle.map(found -> found.step(step, reference)).orElse(step);
        Identifier name = build.names().fresh(cte.name().identifier());
        List<Identifier> columns = build.fresh(labels);
        return Optional.of(new Tree(new Recursion(start, marked, reference, name, union.all(), columns), labels));
    }

    private static Optional<Cycle> cycle(
            Query.Cte cte, Query.SetOperation union, List<Identifier> labels, Build build) {
        List<Token> after = cte.after();
        for (int i = 0; i < after.size(); i++) {
            if (after.get(i).isKeyword("CYCLE")) {
                return Optional.of(Cycle.read(after.subList(i, after.size()), labels, build));
            }
            if (after.get(i).isKeyword("SEARCH") && !union.all()) {
                throw new Refusal(SEARCH, after.get(i));
            }
        }
        return Optional.empty();
    }
}
