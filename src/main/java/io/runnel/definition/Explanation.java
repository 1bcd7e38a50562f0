package io.runnel.definition;

import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * What Runnel makes of a query.
 *
 * @param canonical the query as PostgreSQL prints it
 * @param mode DIFFERENTIAL or FULL: how it would be refreshed in mode AUTO
 * @param refusals why not differentially; empty if it is
 * @param operators the operator tree, root first, children after their parent, one level deeper
 * @param sources the tables that it reads, as {@code schema.table}
 * @param columns the result's columns
 * @param lookups by which columns refreshes find rows of the sources; an index on them makes that fast
 * @param statement the statement of a refresh in which every source has changes; empty in mode FULL
 */
public record Explanation(
        String canonical,
        String mode,
        List<Refusal> refusals,
        List<Node> operators,
        List<String> sources,
        List<Column> columns,
        List<Lookup> lookups,
        Optional<String> statement) {

    /**
     * Why a part of the query is not maintained differentially.
     *
     * @param position offset in characters, from 1, into the query as the user wrote it
     */
    public record Refusal(String reason, OptionalInt position) {}

    /**
     * One operator of the tree.
     *
     * @param depth 0 for the root
     * @param cost what the cost of a refresh grows with here; empty if the query is refreshed in full
     */
    public record Node(
            int depth,
            String operator,
            String maintenance,
            Optional<String> cost,
            boolean maintained,
            List<String> columns) {}

    public record Column(String name, String type) {}

    /** @param table as {@code schema.table} */
    public record Lookup(String table, List<String> columns) {

        public Lookup {
            columns = List.copyOf(columns);
        }
    }

    public Explanation {
        refusals = List.copyOf(refusals);
        operators = List.copyOf(operators);
        sources = List.copyOf(sources);
        columns = List.copyOf(columns);
        lookups = List.copyOf(lookups);
    }
}
