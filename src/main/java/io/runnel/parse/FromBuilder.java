package io.runnel.parse;

import io.runnel.operator.Expression;
import io.runnel.operator.Unsupported;
import io.runnel.parse.Build.CteInScope;
import io.runnel.parse.Build.Tree;
import io.runnel.parse.Scope.Merged;
import io.runnel.parse.Scope.Place;
import io.runnel.parse.Translation.Translated;
import io.runnel.sql.Identifier;
import io.runnel.sql.QualifiedName;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** Turns FROM into inputs, conditions between them, and the scope in which the rest of the query is read. */
final class FromBuilder {

    private static final Identifier CATALOG = Identifier.of("pg_catalog");
    private static final String TWICE = "a relation name that is used twice is not understood";

    private final Build build;
    private final QueryBuilder queries;

    FromBuilder(Build build, QueryBuilder queries) {
        this.build = build;
        this.queries = queries;
    }

    /**
     * What an item of FROM, or several, have become.
     *
     * @param on conditions on items before these, for whoever joins them
     * @param asking operands of ON that contain subqueries, which mean the same in WHERE
     */
    record From(Rows rows, Scope scope, List<Condition> on, List<Scalar> asking) {
        From {
            on = List.copyOf(on);
            asking = List.copyOf(asking);
        }

        From(Rows rows, Scope scope) {
            this(rows, scope, List.of(), List.of());
        }

        /** These items, and those of {@code right} after them, if no name is used twice. */
        Optional<From> then(From right) {
            List<Condition> conditions = new ArrayList<>(on);
            conditions.addAll(right.on());
            List<Scalar> all = new ArrayList<>(asking);
            all.addAll(right.asking());
            return scope.plus(right.scope())
                    .map(both ->
                            new From(new Rows.Inner(List.of(rows, right.rows()), conditions), both, List.of(), all));
        }
    }

    /** The items of FROM, in order, as if separated by commas. */
    From build(List<Query.Source> sources, Token select) {
        From all = new From(new Rows.Inner(List.of(), List.of()), Scope.empty());
        for (Query.Source source : sources) {
            all = all.then(build(source, all, all.scope())).orElseThrow(() -> new Refusal(TWICE, select));
        }
        return all;
    }

    /**
     * @param before the items that a lateral query may read
     * @param visible the columns that functions may read
     */
    private From build(Query.Source source, From before, Scope visible) {
        if (source instanceof Query.Joined join) {
            return join(join, before, visible);
        }
        if (source instanceof Query.Call call) {
            return named(call.alias(), call.first(), CallInput.of(call, visible, build));
        }
        if (source instanceof Query.Derived derived) {
            boolean own = derived.free().isEmpty() && derived.lateral().isEmpty();
            return own || CallInput.isRow(derived)
                    ? named(derived.alias(), derived.first(), derived(derived, visible))
                    : lateral(derived, before);
        }
        if (source instanceof Query.Bound bound) {
            return bound(bound);
        }
        Query.Relation relation = (Query.Relation) source;
        Token last = relation.name().get(relation.name().size() - 1);
        return named(relation.alias(), last, relation(relation));
    }

    /** Columns of enclosing queries, each found under the name of its item there. */
    private static From bound(Query.Bound bound) {
        List<Identifier> labels = bound.input().labels();
        Map<Identifier, Scope.Columns> relations = new LinkedHashMap<>();
        for (Mentions.Free column : bound.columns()) {
            relations.put(column.alias(), label -> {
                int index = bound.columns().indexOf(new Mentions.Free(column.alias(), label));
                return index < 0 ? Optional.empty() : Optional.of(new Place(bound.input(), labels.get(index)));
            });
        }
        return new From(new Rows.Leaf(bound.input()), new Scope(relations, Map.of(), true, Around.NOTHING));
    }

    private From named(Query.Alias alias, Token token, Input input) {
        Optional<Identifier> name =
                alias.name().isPresent() || !token.isName() ? alias.name() : Optional.of(token.identifier());
        if (name.isEmpty()) {
            throw Refusal.notUnderstood(token);
        }
        return new From(new Rows.Leaf(input), Scope.of(name.get(), input));
    }

    private Input derived(Query.Derived derived, Scope visible) {
        if (CallInput.isRow(derived)) {
            return CallInput.of(derived, visible, build);
        }
        Tree tree = queries.build(derived.query(), build);
        return nested(tree, derived.alias(), derived.first());
    }

    private From lateral(Query.Derived derived, From before) {
        Map<Mentions.Free, Identifier> outer = new LinkedHashMap<>();
        for (Map.Entry<Mentions.Free, Mentions.Uses> borrowed : derived.free().entrySet()) {
            Mentions.Free column = borrowed.getKey();
            Optional<Identifier> name = before.scope().resolve(column.alias(), column.column());
            if (name.isEmpty()) {
                String shown = Texts.shortened(column.alias() + "." + column.column());
                Unsupported reason = build.problems()
                        .add(
                                "the column " + shown + " cannot be read by a query in FROM here",
                                borrowed.getValue().first().tokens().get(0));
                return named(derived.alias(), derived.first(), new Input.Unknown("lateral", reason, build));
            }
            outer.put(column, name.get());
        }
        try {
            KeyedQuery query =
                    KeyedQuery.of(build.inSubquery(), queries, derived.query(), derived.free(), outer, derived.first());
            List<Identifier> labels = relabelled(query.labels(), derived.alias().columns(), derived.first());
            From item = named(
                    derived.alias(),
                    derived.first(),
                    Input.Lateral.over(() -> before.rows().operator(List.of()), query, labels));
            List<Condition> on = query.meant().stream()
                    .map(meant -> new Condition(meant, Optional.empty()))
                    .toList();
            return new From(item.rows(), item.scope(), on, List.of());
        } catch (Refusal refusal) {
            Unsupported reason = build.problems().add(refusal.reason());
            return named(derived.alias(), derived.first(), new Input.Unknown("lateral", reason, build));
        }
    }

    private static Input nested(Tree tree, Query.Alias alias, Token token) {
        return new Input.Nested(tree.operator(), relabelled(tree.labels(), alias.columns(), token));
    }

    /** The labels, of which the first ones may be replaced. */
    static List<Identifier> relabelled(List<Identifier> labels, List<Identifier> replacements, Token token) {
        if (replacements.size() > labels.size()) {
            throw Refusal.notUnderstood(token);
        }
        List<Identifier> relabelled = new ArrayList<>(replacements);
        relabelled.addAll(labels.subList(replacements.size(), labels.size()));
        return relabelled;
    }

    private Input relation(Query.Relation relation) {
        Token token = relation.name().get(relation.name().size() - 1);
        Optional<String> refusal = relation.only().isPresent()
                ? Optional.of("ONLY has no delta rule yet")
                : !relation.sample().isEmpty() ? Optional.of("TABLESAMPLE has no delta rule yet") : Optional.empty();
        Token refused = relation.only()
                .orElse(relation.sample().isEmpty() ? token : relation.sample().get(0));
        Optional<Unsupported> problem = refusal.map(reason -> build.problems().add(reason, refused));
        CteInScope cte = relation.name().size() == 1 ? build.ctes().get(token.identifier()) : null;
        if (cte != null) {
            return expanded(cte, relation.alias(), token);
        }
        Identifier schema =
                relation.name().size() == 1 ? CATALOG : relation.name().get(0).identifier();
        QualifiedName name = new QualifiedName(schema, token.identifier());
        Optional<Relation> found = build.relations().find(name);
        if (found.isEmpty()) {
            Unsupported reason = build.problems().add("the relation " + name.display() + " is not known", token);
            return new Input.Unknown("scan of " + name.display(), reason, build);
        }
        if (found.get() instanceof Relation.View view) {
            return view(name, view, relation.alias(), token, problem);
        }
        Relation.Table table = (Relation.Table) found.get();
        if (problem.isEmpty()) {
            problem = table.refusal().map(reason -> build.problems().add(reason, token));
        }
        List<Identifier> labels = relabelled(table.columns(), relation.alias().columns(), token);
        return new Input.Table(name, table, labels, problem, build);
    }

    private Input expanded(CteInScope cte, Query.Alias alias, Token token) {
        if (cte.self().isPresent()) {
            return nested(cte.self().get(), alias, token);
        }
        Optional<Unsupported> refusal = exhausted(token);
        if (refusal.isPresent()) {
            return new Input.Unknown("common table expression", refusal.get(), build);
        }
        if (cte.recursive().isPresent()) {
            return nested(new RecursionBuilder(queries).build(cte, token), alias, token);
        }
        Tree tree = queries.build(cte.cte().query(), cte.build());
        List<Identifier> labels = relabelled(tree.labels(), cte.cte().columns(), token);
        return nested(new Tree(tree.operator(), labels), alias, token);
    }

    private Input view(
            QualifiedName name, Relation.View view, Query.Alias alias, Token token, Optional<Unsupported> problem) {
        Optional<Unsupported> refusal = problem.isPresent() ? problem : exhausted(token);
        if (refusal.isPresent()) {
            return new Input.Unknown("view " + name.display(), refusal.get(), build);
        }
        Build inside = build.inView(token, name.display());
        try {
            Wrapped wrapped = Wrapped.read(view.canonical(), build.functions(), build.relations(), build.whole());
            Tree tree = queries.build(wrapped.query(), inside);
            wrapped.check(tree.labels());
            return nested(new Tree(tree.operator(), wrapped.rename(tree.labels(), view.columns())), alias, token);
        } catch (Refusal refused) {
            Unsupported reason = inside.problems().add(refused.reason().reason(), token);
            return new Input.Unknown("view " + name.display(), reason, build);
        }
    }

    private Optional<Unsupported> exhausted(Token token) {
        return build.budget().take()
                ? Optional.empty()
                : Optional.of(build.problems()
                        .add(
                                "views and common table expressions are expanded at most " + Build.Budget.EXPANSIONS_MAX
                                        + " times in one query",
                                token));
    }

    /** Whether the right side is a function, for which a left join is a question of each left row alone. */
    private static boolean isCalled(Query.Joined join) {
        Query.Source right = join.right();
        return join.kind() == Query.JoinKind.LEFT
                && join.on().isPresent()
                && (right instanceof Query.Call
                        || (right instanceof Query.Derived derived && CallInput.isRow(derived)));
    }

    private From join(Query.Joined join, From before, Scope visible) {
        boolean inner = join.kind() == Query.JoinKind.INNER;
        From left = build(join.left(), before, inner ? visible : Scope.empty());
        Token operator = join.operator().get(0);
        Scope seen = inner ? visible.plus(left.scope()).orElseThrow(() -> new Refusal(TWICE, operator)) : left.scope();
        From right = build(
                join.right(),
                before.then(left).orElseThrow(() -> new Refusal(TWICE, operator)),
                inner || isCalled(join) ? seen : Scope.empty());
        Scope scope = left.scope().plus(right.scope()).orElseThrow(() -> new Refusal(TWICE, operator));
        List<Condition> conditions = new ArrayList<>();
        List<Scalar> asking = new ArrayList<>(left.asking());
        List<List<Scalar.Piece>> operands =
                join.on().map(on -> Pieces.conjuncts(on.pieces())).orElse(List.of());
        for (List<Scalar.Piece> operand : operands) {
            if (inner && operand.stream().anyMatch(Scalar.Sublink.class::isInstance)) {
                asking.add(new Scalar(operand));
            } else {
                conditions.addAll(Condition.split(new Scalar(operand), scope.within(build.outer()), build.problems()));
            }
        }
        if (!inner && !right.asking().isEmpty()) {
            throw new Refusal(Translation.SUBQUERY, right.asking().get(0).first());
        }
        asking.addAll(right.asking());
        List<Condition> lifted = new ArrayList<>(left.on());
        lifted.addAll(lateral(right, left, conditions, operator, inner));
        Map<Identifier, Merged> merged = new LinkedHashMap<>();
        for (Token column : join.using()) {
            Merged lefts = left.scope().merged(column.identifier());
            Merged rights = right.scope().merged(column.identifier());
            conditions.add(using(column, lefts, rights));
            merged.put(column.identifier(), merged(join.kind(), lefts, rights));
        }
        if (join.kind() != Query.JoinKind.INNER) {
            List<Set<Identifier>> sides =
                    List.of(left.rows().columns(), right.rows().columns());
            conditions.replaceAll(condition -> Clock.oneSided(condition, sides, operator, build.problems()));
        }
        From joined =
                named(join, joined(join, left.rows(), right.rows(), conditions), scope.merging(merged), left, right);
        return new From(joined.rows(), joined.scope(), lifted, asking);
    }

    private Rows joined(Query.Joined join, Rows left, Rows right, List<Condition> on) {
        if (isCalled(join) && right instanceof Rows.Leaf leaf && leaf.input() instanceof CallInput call) {
            return new Rows.Called(left, call, Optional.of(Condition.one(on, build.problems(), join)));
        }
        return switch (join.kind()) {
            case INNER -> new Rows.Inner(List.of(left, right), on);
            case LEFT -> new Rows.Outer(left, right, on, false);
            case RIGHT -> new Rows.Outer(right, left, on, false);
            case FULL -> new Rows.Outer(left, right, on, true);
        };
    }

    /** Adds the conditions on a lateral item to those of its join, and returns those on items before both. */
    private List<Condition> lateral(From right, From left, List<Condition> conditions, Token operator, boolean inner) {
        List<Condition> rest = new ArrayList<>(right.on());
        if (!rest.isEmpty()) {
            Set<Identifier> columns = new HashSet<>(left.rows().columns());
            columns.addAll(right.rows().columns());
            conditions.addAll(Condition.takeOver(rest, columns));
        }
        if (!inner && !rest.isEmpty()) {
            throw new Refusal(
                    "an outer join with a query that reads columns of items before it has no delta rule", operator);
        }
        return rest;
    }

    /** Of an inner join PostgreSQL takes either side, which differ in their type at most. */
    private static Merged merged(Query.JoinKind kind, Merged lefts, Merged rights) {
        List<Place> all = new ArrayList<>(lefts.places());
        all.addAll(rights.places());
        boolean sameType = all.stream().allMatch(place -> place.type().isPresent())
                && all.stream().map(Place::type).distinct().count() == 1;
        boolean certain = lefts.certain() && rights.certain();
        return switch (kind) {
            case INNER -> new Merged(lefts.places(), certain && sameType);
            case LEFT -> lefts;
            case RIGHT -> rights;
            case FULL -> new Merged(all, certain);
        };
    }

    private Condition using(Token column, Merged lefts, Merged rights) {
        Optional<Expression> left = lefts.expression();
        Optional<Expression> right = rights.expression();
        if (left.isPresent() && right.isPresent()) {
            Translation equality = new Translation(build.problems());
            equality.text("(");
            equality.expression(left.get());
            equality.text(" = ");
            equality.expression(right.get());
            equality.text(")");
            Translated done = equality.done();
            return new Condition(done.expression(), done.problem());
        }
        String reason = "which columns USING joins is not certain: " + Texts.shortened(column.text());
        return new Condition(
                Expression.text("true"), Optional.of(build.problems().add(reason, column)));
    }

    private From named(Query.Joined join, Rows rows, Scope scope, From left, From right) {
        Token operator = join.operator().get(0);
        if (join.usingAlias().isPresent()) {
            Unsupported reason = build.problems().add("an alias for the columns of USING is not understood", operator);
            Scope alias = Scope.of(join.usingAlias().get(), new Input.Unknown("using", reason, build));
            return new From(rows, scope.plus(alias).orElseThrow(() -> new Refusal(TWICE, operator)));
        }
        if (join.alias().name().isEmpty()) {
            return new From(rows, scope);
        }
        List<Place> places = new ArrayList<>(left.rows().places());
        places.addAll(right.rows().places());
        if (!scope.merged().isEmpty() || !scope.closed()) {
            Unsupported reason = build.problems().add("an alias for this join is not understood", operator);
            return new From(rows, Scope.of(join.alias().name().get(), new Input.Unknown("join", reason, build)));
        }
        List<Identifier> labels = relabelled(
                places.stream().map(Place::label).toList(), join.alias().columns(), operator);
        Scope.Columns columns = label -> {
            int index = labels.indexOf(label);
            return index >= 0 && labels.lastIndexOf(label) == index ? Optional.of(places.get(index)) : Optional.empty();
        };
        return new From(rows, new Scope(Map.of(join.alias().name().get(), columns), Map.of(), true, Around.NOTHING));
    }
}
