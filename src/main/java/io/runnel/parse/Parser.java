package io.runnel.parse;

import io.runnel.operator.Opaque;
import io.runnel.operator.Operator;
import io.runnel.operator.Unsupported;
import io.runnel.parse.ParsedQuery.Counts;
import io.runnel.sql.Identifier;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** Reads a query in PostgreSQL's canonical text. */
public final class Parser {

    /**
     * Rules and rewrites walk the tree often. A query that borrows columns stands for itself and for what it borrows them
     * from, so that a chain of such queries can double the tree with each.
     */
    static final int TREE_MAX = 3_000;

    private static final String TOO_LARGE =
            "the query has become more than " + TREE_MAX + " operators, counting each where it is read";

    private Parser() {}

    /**
     * Reads the text that {@code pg_get_viewdef(oid)} prints, with an empty search path, for a view on
     * {@code SELECT * FROM (query) q}. Any text yields a result, never an exception: what is not understood is
     * {@link Unsupported}.
     *
     * @param relations what the names in FROM stand for
     * @param aggregates the names of aggregate functions as PostgreSQL prints them, {@code count} or
     *     {@code public.my_aggregate}
     * @param setReturning the names of set-returning functions, likewise
     */
    public static ParsedQuery parse(
            String canonical, Relations relations, Set<String> aggregates, Set<String> setReturning) {
        Functions functions = Functions.of(aggregates, setReturning);
        Problems problems = new Problems();
        try {
            Wrapped written = Wrapped.read(canonical, functions);
            Build build = new Build(relations, functions, new Names(), problems, new Build.Budget());
            return parse(written, Wrapped.read(canonical, functions, relations, build.whole()), build);
        } catch (Refusal refusal) {
            return refused(List.of(), refusal, "", new Counts(0, 0, 0, 0), problems);
        }
    }

    private static ParsedQuery parse(Wrapped written, Wrapped wrapped, Build build) {
        String printedBack = Printer.print(written.query());
        Counts counts = Counter.count(written.query());
        List<Identifier> names = names(wrapped.columns());
        try {
            Build.Tree tree = new QueryBuilder().build(wrapped.query(), build, Optional.of(names));
            wrapped.check(tree.labels());
            if (isLargerThan(TREE_MAX, tree.operator())) {
                throw new Refusal(TOO_LARGE, wrapped.first());
            }
            return new ParsedQuery(
                    marked(tree.operator(), build.problems().all()),
                    build.problems().all(),
                    printedBack,
                    counts);
        } catch (Refusal refusal) {
            return refused(names, refusal, printedBack, counts, build.problems());
        }
    }

    /**
     * The tree, which says that it is unsupported whenever anything is: some problems, such as that with an alias that
     * nothing reads, have no operator of their own.
     */
    private static Operator marked(Operator root, List<Unsupported> unsupported) {
        boolean marked = root.walk().anyMatch(operator -> operator.unsupported().isPresent());
        return marked || unsupported.isEmpty()
                ? root
                : new Opaque("query", List.of(root), root.columns(), unsupported.get(0));
    }

    private static boolean isLargerThan(int max, Operator root) {
        Deque<Operator> open = new ArrayDeque<>(List.of(root));
        int count = 0;
        while (!open.isEmpty() && count <= max) {
            count++;
            open.addAll(open.pop().inputs());
        }
        return count > max;
    }

    /** The result's own names, made unique among themselves; nothing above the root could confuse them with others. */
    private static List<Identifier> names(List<Identifier> columns) {
        Names unique = new Names();
        return columns.stream().map(unique::fresh).toList();
    }

    private static ParsedQuery refused(
            List<Identifier> columns, Refusal refusal, String printedBack, Counts counts, Problems problems) {
        Unsupported reason = refusal.reason();
        List<Unsupported> all = new ArrayList<>(problems.all());
        all.add(reason);
        Operator root = new Opaque("query", List.of(), columns, reason);
        return new ParsedQuery(root, all, printedBack, counts);
    }
}
