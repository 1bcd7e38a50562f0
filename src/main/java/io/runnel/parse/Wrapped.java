package io.runnel.parse;

import io.runnel.sql.Identifier;
import io.runnel.sql.QualifiedName;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * The canonical text of {@code SELECT * FROM (query) q}: a list of columns around the query that is meant.
 *
 * @param columns the names of the result's columns
 * @param inner the names of the query's columns that they are, in the same order
 */
record Wrapped(List<Identifier> columns, List<Identifier> inner, Query query, Query.Alias alias, Token first) {

    /** Reads the text as it is written. */
    static Wrapped read(String canonical, Functions functions) {
        return read(Lexer.tokens(canonical), functions, new WholeRows());
    }

    /**
     * Reads the text with rows that are read as one value put together from their columns.
     *
     * @param whole takes the relations of these rows
     */
    static Wrapped read(String canonical, Functions functions, Relations relations, Set<QualifiedName> whole) {
        List<Token> tokens = Lexer.tokens(canonical);
        WholeRows rows = new WholeRows();
        Wrapped written = read(tokens, functions, rows);
        if (rows.isEmpty()) {
            return written;
        }
        List<Token> expanded = rows.expanded(tokens, relations);
        whole.addAll(rows.relations());
        return read(expanded, functions, new WholeRows());
    }

    private static Wrapped read(List<Token> tokens, Functions functions, WholeRows rows) {
        Query query = QueryReader.read(tokens, functions, rows);
        if (!(query.body() instanceof Query.Select select)) {
            throw Refusal.notUnderstood(query.body().first());
        }
        boolean simple = query.with().isEmpty()
                && query.order().isEmpty()
                && query.limit().isEmpty()
                && query.locking().isEmpty()
                && select.distinct().token().isEmpty()
                && select.where().isEmpty()
                && select.grouping().isEmpty()
                && select.having().isEmpty()
                && select.windows().isEmpty()
                && select.from().size() == 1;
        if (!simple
                || !(select.from().get(0) instanceof Query.Derived derived)
                || derived.lateral().isPresent()) {
            throw Refusal.notUnderstood(select.first());
        }
        List<Identifier> columns = new ArrayList<>();
        List<Identifier> inner = new ArrayList<>();
        for (Query.Item item : select.items()) {
            Identifier name = column(item.expression(), derived.alias());
            inner.add(name);
            columns.add(item.alias().orElse(name));
        }
        return new Wrapped(columns, inner, derived.query(), derived.alias(), select.first());
    }

    /** The column's name, which from version 16 on stands alone. */
    private static Identifier column(Scalar expression, Query.Alias alias) {
        List<Token> tokens = expression.tokens();
        Token last = tokens.get(tokens.size() - 1);
        boolean qualified = tokens.size() == 3
                && tokens.get(0).isName()
                && tokens.get(1).isSymbol(".")
                && alias.name().equals(Optional.of(tokens.get(0).identifier()));
        if (!last.isName() || (tokens.size() != 1 && !qualified)) {
            throw Refusal.notUnderstood(tokens.get(0));
        }
        return last.identifier();
    }

    /** Refuses unless the query has exactly the wrapper's columns: a check of how the SELECT list was read. */
    void check(List<Identifier> labels) {
        if (!inner.equals(FromBuilder.relabelled(labels, alias.columns(), first))) {
            throw new Refusal("the query's columns are not understood", first);
        }
    }

    /** The names for the columns of the query when the relation's columns have {@code names}. */
    List<Identifier> rename(List<Identifier> labels, List<Identifier> names) {
        if (names.size() != labels.size()) {
            throw new Refusal("the query's columns are not understood", first);
        }
        return names;
    }
}
