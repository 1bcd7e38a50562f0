package io.runnel.parse;

import io.runnel.parse.Query.Source;
import io.runnel.sql.Identifier;
import io.runnel.sql.QualifiedName;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.NavigableSet;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;

/**
 * The rows of items of FROM that a query reads as one value, {@code to_jsonb(o.*)}, put together from their columns: a
 * row of a table or view is {@code ROW(o.id, o.note)::public.orders}, one of a query in FROM is a subquery of one row. On the
 * nullable side of an outer join there may be no row, which a column that is never null tells; an item without one is left
 * as it is, and refused by who reads it next. Owned by one reading.
 */
final class WholeRows {

    private final NavigableSet<Integer> references = new TreeSet<>();
    private final List<Level> levels = new ArrayList<>();
    private final List<Visible> ctes = new ArrayList<>();
    private final Set<QualifiedName> relations = new HashSet<>();

    /** The tokens of a SELECT, or of a query with what follows its SELECT. */
    private record Level(int from, int to, Query.Select select) {
        boolean contains(int at) {
            return from <= at && at < to;
        }
    }

    /** The tokens of a query, and what its WITH names. */
    private record Visible(int from, int to, Query.With with) {}

    private record Item(Source source, Query.Alias alias, boolean nullable) {}

    /** {@code alias.*} as a value, at the index of its first token. */
    void reference(int at) {
        references.add(at);
    }

    void level(int from, int to, Query.Select select) {
        levels.add(new Level(from, to, select));
    }

    void with(int from, int to, Query.With with) {
        ctes.add(new Visible(from, to, with));
    }

    boolean isEmpty() {
        return references.isEmpty();
    }

    /** The tables and views whose rows are read: with another column they would be others. */
    Set<QualifiedName> relations() {
        return Set.copyOf(relations);
    }

    /** The tokens with each row put together from its columns. */
    List<Token> expanded(List<Token> tokens, Relations known) {
        List<Token> expanded = new ArrayList<>();
        for (int at = 0; at < tokens.size(); at++) {
            Optional<List<Token>> row = references.contains(at) ? row(tokens.get(at), at, known) : Optional.empty();
            if (row.isPresent()) {
                expanded.addAll(row.get());
                at += 2;
            } else {
                expanded.add(tokens.get(at));
            }
        }
        return expanded;
    }

    private Optional<List<Token>> row(Token alias, int at, Relations known) {
        Identifier name = alias.identifier();
        return levels.stream()
                .filter(level -> level.contains(at))
                .sorted(Comparator.comparingInt(level -> level.to() - level.from()))
                .flatMap(level -> items(level.select()).stream())
                .filter(item -> name(item).equals(Optional.of(name)))
                .findFirst()
                .flatMap(item -> row(item, alias, at, known));
    }

    private static List<Item> items(Query.Select select) {
        List<Item> items = new ArrayList<>();
        select.from().forEach(source -> add(source, false, items));
        return items;
    }

    private static void add(Source source, boolean nullable, List<Item> items) {
        if (source instanceof Query.Relation relation) {
            items.add(new Item(source, relation.alias(), nullable));
        } else if (source instanceof Query.Derived derived) {
            items.add(new Item(source, derived.alias(), nullable));
        } else if (source instanceof Query.Joined join && join.alias().name().isEmpty()) {
            Query.JoinKind kind = join.kind();
            add(join.left(), nullable || kind == Query.JoinKind.RIGHT || kind == Query.JoinKind.FULL, items);
            add(join.right(), nullable || kind == Query.JoinKind.LEFT || kind == Query.JoinKind.FULL, items);
        }
    }

    private static Optional<Identifier> name(Item item) {
        return item.alias().name().isEmpty() && item.source() instanceof Query.Relation relation
                ? Optional.of(last(relation).identifier())
                : item.alias().name();
    }

    private static Token last(Query.Relation relation) {
        return relation.name().get(relation.name().size() - 1);
    }

    private Optional<List<Token>> row(Item item, Token alias, int at, Relations known) {
        if (item.source() instanceof Query.Derived derived) {
            return record(item, alias, labels(derived.query()));
        }
        Query.Relation relation = (Query.Relation) item.source();
        Optional<Query.Cte> cte =
                relation.name().size() == 1 ? cte(last(relation).identifier(), at) : Optional.empty();
        if (cte.isPresent()) {
            return record(
                    item, alias, relabelled(labels(cte.get().query()), cte.get().columns()));
        }
        if (relation.name().size() == 1) {
            return Optional.empty();
        }
        QualifiedName name = new QualifiedName(
                relation.name().get(0).identifier(), last(relation).identifier());
        Optional<List<Token>> row = known.find(name).flatMap(found -> typed(item, alias, name, found));
        row.ifPresent(tokens -> relations.add(name));
        return row;
    }

    private static Optional<List<Token>> typed(Item item, Token alias, QualifiedName name, Relation relation) {
        List<Identifier> labels = relabelled(relation.columns(), item.alias().columns());
        Optional<Identifier> certain = relation instanceof Relation.Table table
                ? table.columns().stream()
                        .filter(table.notNull()::contains)
                        .map(column -> labels.get(table.columns().indexOf(column)))
                        .findFirst()
                : Optional.empty();
        if (!distinct(labels) || (item.nullable() && certain.isEmpty())) {
            return Optional.empty();
        }
        String columns = labels.stream().map(label -> column(alias, label)).collect(Collectors.joining(", "));
        String row = "ROW(" + columns + ")::" + name.sql().text();
        return Optional.of(read(
                item.nullable()
                        ? "CASE WHEN (" + column(alias, certain.get()) + " IS NOT NULL) THEN " + row + " END"
                        : row,
                alias));
    }

    /** A row without a type of its own, whose columns have names nevertheless. The reader does not see a query in it. */
    private static Optional<List<Token>> record(Item item, Token alias, List<Identifier> columns) {
        List<Identifier> labels = relabelled(columns, item.alias().columns());
        if (!distinct(labels) || labels.isEmpty() || item.nullable()) {
            return Optional.empty();
        }
        Identifier row = Identifier.of("runnel_row");
        while (labels.contains(row)) {
            row = Identifier.of(row.name() + "_");
        }
        List<Token> tokens = new ArrayList<>();
        String before = "(SELECT " + row.sql().text() + " FROM (SELECT ";
        for (Identifier label : labels) {
            tokens.add(opaque(before, alias));
            tokens.addAll(read(column(alias, label), alias));
            before = " AS " + label.sql().text() + ", ";
        }
        tokens.add(opaque(
                before.substring(0, before.length() - 2) + ") AS " + row.sql().text() + ")", alias));
        return Optional.of(tokens);
    }

    private static String column(Token alias, Identifier label) {
        return alias.text() + "." + label.sql().text();
    }

    private static Token opaque(String text, Token at) {
        return new Token(Token.Kind.OPERATOR, text, at.start(), false);
    }

    /** Read as if it stood where the alias stands. */
    private static List<Token> read(String text, Token at) {
        List<Token> tokens = Lexer.tokens(text);
        return tokens.stream()
                .limit(tokens.size() - 1L)
                .map(token -> new Token(
                        token.kind(), token.text(), at.start(), token.spaced() || (token.start() == 0 && at.spaced())))
                .toList();
    }

    private Optional<Query.Cte> cte(Identifier name, int at) {
        return ctes.stream()
                .filter(visible -> visible.from() <= at && at < visible.to())
                .sorted(Comparator.comparingInt(visible -> visible.to() - visible.from()))
                .flatMap(visible -> visible.with().ctes().stream())
                .filter(cte -> cte.name().identifier().equals(name))
                .findFirst();
    }

    private static List<Identifier> labels(Query query) {
        Query.Body body = query.body();
        if (body instanceof Query.Select select) {
            return select.items().stream().map(Query.Item::label).toList();
        } else if (body instanceof Query.Values values) {
            return values.labels();
        } else if (body instanceof Query.SetOperation operation) {
            return labels(operation.left());
        }
        return labels(((Query.Nested) body).query());
    }

    private static List<Identifier> relabelled(List<Identifier> labels, List<Identifier> replacements) {
        List<Identifier> relabelled = new ArrayList<>(replacements);
        relabelled.addAll(labels.subList(Math.min(replacements.size(), labels.size()), labels.size()));
        return relabelled;
    }

    private static boolean distinct(List<Identifier> labels) {
        return new HashSet<>(labels).size() == labels.size();
    }
}
