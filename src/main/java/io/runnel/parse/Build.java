package io.runnel.parse;

import io.runnel.operator.Opaque;
import io.runnel.operator.Operator;
import io.runnel.operator.Unsupported;
import io.runnel.sql.Identifier;
import io.runnel.sql.QualifiedName;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * What the building of one part of the tree knows.
 *
 * @param whole the relations whose rows are read as one value; grows
 * @param ctes the common table expressions that are visible here
 * @param outer the columns of enclosing queries that can be read here
 * @param depth how many subqueries of expressions are around
 */
record Build(
        Relations relations,
        Functions functions,
        Names names,
        Problems problems,
        Budget budget,
        Set<QualifiedName> whole,
        Map<Identifier, CteInScope> ctes,
        Around outer,
        int depth) {

    Build(Relations relations, Functions functions, Names names, Problems problems, Budget budget) {
        this(relations, functions, names, problems, budget, new HashSet<>(), Map.of(), Around.NOTHING, 0);
    }

    /** Inside a subquery of an expression, which reads nothing from outside. */
    Build inSubquery() {
        return new Build(relations, functions, names, problems, budget, whole, ctes, Around.NOTHING, depth + 1);
    }

    /** Where these columns of enclosing queries can be read as they are. */
    Build reading(Map<Mentions.Free, Identifier> columns) {
        Around around = new Around() {
            @Override
            public Optional<Identifier> column(Mentions.Free column) {
                return Optional.ofNullable(columns.get(column));
            }
        };
        return new Build(relations, functions, names, problems, budget, whole, ctes, around, depth);
    }

    private Build with(Map<Identifier, CteInScope> visible) {
        return new Build(relations, functions, names, problems, budget, whole, Map.copyOf(visible), outer, depth);
    }

    /**
     * A common table expression with those that its own query sees.
     *
     * @param recursive the word RECURSIVE, if its query may read itself
     * @param self what it stands for in its own query
     */
    record CteInScope(Query.Cte cte, Build build, Optional<Token> recursive, Optional<Tree> self) {}

    /** A part of the tree, and the names of its columns in the query. */
    record Tree(Operator operator, List<Identifier> labels) {}

    /** How much more may be built: references to common table expressions and views, and levels. */
    static final class Budget {

        /** Two references per level double the tree with each level, so their number is bounded. */
        static final int EXPANSIONS_MAX = 200;

        /** Expansions add their own depth to that of the text, so the depth of the whole is bounded too. */
        private static final int DEPTH_MAX = 500;

        private int left = EXPANSIONS_MAX;
        private int depth;

        boolean take() {
            return left-- > 0;
        }

        void enter(Token token) {
            if (++depth > DEPTH_MAX) {
                throw new Refusal("the query is nested more than " + DEPTH_MAX + " levels deep", token);
            }
        }

        void leave() {
            depth--;
        }
    }

    Build with(Query.With with) {
        Map<Identifier, CteInScope> visible = new HashMap<>(ctes);
        for (Query.Cte cte : with.ctes()) {
            visible.put(
                    cte.name().identifier(), new CteInScope(cte, with(visible), with.recursive(), Optional.empty()));
        }
        return with(visible);
    }

    /** What the step of a recursion sees, which is called {@code self} there. */
    Build within(Query.Cte cte, Tree self) {
        Map<Identifier, CteInScope> visible = new HashMap<>(ctes);
        visible.put(cte.name().identifier(), new CteInScope(cte, this, Optional.empty(), Optional.of(self)));
        return with(visible);
    }

    Build inView(Token token, String view) {
        return new Build(
                relations,
                functions,
                names,
                problems.inView(token, view),
                budget,
                whole,
                Map.of(),
                Around.NOTHING,
                depth);
    }

    /** An operator without delta rule, with fresh names for {@code labels}. */
    Tree opaque(String label, List<Operator> inputs, List<Identifier> labels, Unsupported reason) {
        return new Tree(new Opaque(label, inputs, fresh(labels), reason), labels);
    }

    List<Identifier> fresh(List<Identifier> labels) {
        return labels.stream().map(names::fresh).toList();
    }
}
