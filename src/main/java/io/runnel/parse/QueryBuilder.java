package io.runnel.parse;

import io.runnel.operator.Distinct;
import io.runnel.operator.Limit;
import io.runnel.operator.Opaque;
import io.runnel.operator.Operator;
import io.runnel.operator.UnionAll;
import io.runnel.operator.Unsupported;
import io.runnel.parse.Build.Tree;
import io.runnel.sql.Identifier;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Optional;

/** Turns queries into operators: WITH, set operations, LIMIT; a single SELECT is the {@link SelectBuilder}'s. */
final class QueryBuilder {

    /** A query below the root: its columns get fresh names. */
    Tree build(Query query, Build build) {
        return build(query, build, Optional.empty());
    }

    /**
     * The operator tree of a query.
     *
     * @param names the names for the columns of its root, which need not be fresh
     */
    Tree build(Query query, Build outside, Optional<List<Identifier>> names) {
        Build build = query.with().map(outside::with).orElse(outside);
        build.budget().enter(query.body().first());
        Tree tree = body(query, build, names);
        build.budget().leave();
        if (query.limit().isPresent() && !(query.body() instanceof Query.Select)) {
            LimitClause limit = LimitClause.read(query.limit().get(), build.problems());
            List<Limit.SortKey> order = limit.isAll() ? List.of() : sortKeys(query.order(), tree);
            tree = new Tree(limit.over(tree.operator(), List.of(), order, build.problems()), tree.labels());
        }
        if (!query.locking().isEmpty()) {
            Token token = query.locking().get(0);
            String reason = "a row lock has no place in a query that is kept fresh";
            tree = opaque("row lock", tree, build.problems().add(reason, token));
        }
        return tree;
    }

    /** ORDER BY after anything but a SELECT: columns of the result, by their number or their name. */
    private static List<Limit.SortKey> sortKeys(List<Scalar.Sort> order, Tree tree) {
        List<Limit.SortKey> keys = new ArrayList<>();
        for (Scalar.Sort sort : order) {
            Scalar.Piece piece = sort.expression().pieces().get(0);
            Token last = sort.expression().tokens().get(piece.tokens().size() - 1);
            int position = last.kind() == Token.Kind.NUMBER
                    ? Integer.parseInt(last.text()) - 1
                    : piece instanceof Scalar.Column column ? tree.labels().indexOf(column.column()) : -1;
            if (sort.expression().pieces().size() != 1
                    || position < 0
                    || position >= tree.labels().size()) {
                throw Refusal.notUnderstood(last);
            }
            keys.add(new Limit.SortKey(
                    tree.operator().columns().get(position),
                    Texts.of(sort.direction()).strip()));
        }
        return keys;
    }

    private static Tree opaque(String label, Tree tree, Unsupported reason) {
        Operator operator = tree.operator();
        return new Tree(new Opaque(label, List.of(operator), operator.columns(), reason), tree.labels());
    }

    private Tree body(Query query, Build build, Optional<List<Identifier>> names) {
        Query.Body body = query.body();
        if (body instanceof Query.Select select) {
            return new SelectBuilder(build, select, query, this).build(names);
        }
        if (body instanceof Query.Nested nested) {
            return build(nested.query(), build, names);
        }
        if (body instanceof Query.SetOperation operation) {
            return setOperation(operation, build, names);
        }
        return values((Query.Values) body, build, names);
    }

    private static Tree values(Query.Values values, Build build, Optional<List<Identifier>> names) {
        List<Identifier> labels = values.labels();
        CallInput rows = CallInput.of(values, labels, Scope.empty(), build);
        return new Tree(rows.named(named(names, labels, values.first(), build)), labels);
    }

    private static List<Identifier> named(
            Optional<List<Identifier>> names, List<Identifier> labels, Token token, Build build) {
        if (names.isPresent() && names.get().size() != labels.size()) {
            throw Refusal.notUnderstood(token);
        }
        return names.orElseGet(() -> build.fresh(labels));
    }

    private Tree setOperation(Query.SetOperation operation, Build build, Optional<List<Identifier>> names) {
        List<Tree> branches = new ArrayList<>();
        for (Query operand : operands(operation)) {
            branches.add(build(operand, build));
        }
        List<Identifier> labels = branches.get(0).labels();
        if (branches.stream().anyMatch(branch -> branch.labels().size() != labels.size())) {
            throw Refusal.notUnderstood(operation.operator());
        }
        List<Operator> inputs = branches.stream().map(Tree::operator).toList();
        List<Identifier> columns = named(names, labels, operation.operator(), build);
        if (!operation.operator().isKeyword("UNION")) {
            return new Tree(Multiplicities.of(operation, inputs, columns, build.names()), labels);
        }
        UnionAll union = new UnionAll(inputs, columns);
        return new Tree(operation.all() ? union : new Distinct(union), labels);
    }

    /**
     * The operands of a chain of the same UNION, read from the left as SQL does: {@code (a UNION b) UNION c} is one
     * union of three, and types are resolved from left to right in either notation. EXCEPT and INTERSECT stay binary.
     */
    private static List<Query> operands(Query.SetOperation operation) {
        Deque<Query> operands = new ArrayDeque<>();
        Query.SetOperation chain = operation;
        operands.addFirst(chain.right());
        while (operation.operator().isKeyword("UNION")
                && chain.left().isBare()
                && chain.left().body() instanceof Query.SetOperation left
                && left.operator().isKeyword("UNION")
                && left.all() == operation.all()) {
            chain = left;
            operands.addFirst(chain.right());
        }
        operands.addFirst(chain.left());
        return List.copyOf(operands);
    }
}
