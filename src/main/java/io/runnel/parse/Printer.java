package io.runnel.parse;

import io.runnel.sql.Identifier;
import java.util.List;
import java.util.stream.Collectors;

/**
 * Prints a query from what was read. PostgreSQL can then say whether the print means the same as the original: that
 * guards against misreading.
 */
final class Printer {

    private final StringBuilder out = new StringBuilder();

    private Printer() {}

    static String print(Query query) {
        Printer printer = new Printer();
        printer.query(query);
        return printer.out.toString();
    }

    private void query(Query query) {
        query.with().ifPresent(this::with);
        body(query.body());
        sorts(query.order());
        query.limit().ifPresent(limit -> words(limit.text()));
        words(Texts.of(query.locking()));
    }

    private void with(Query.With with) {
        words("WITH");
        with.recursive().ifPresent(token -> words(token.text()));
        for (int i = 0; i < with.ctes().size(); i++) {
            Query.Cte cte = with.ctes().get(i);
            words(i == 0 ? "" : ",");
            words(cte.name().text());
            columns(cte.columns());
            words(Texts.of(cte.as()));
            nested(cte.query());
            words(Texts.of(cte.after()));
        }
    }

    private void nested(Query query) {
        words("(");
        query(query);
        words(")");
    }

    private void body(Query.Body body) {
        if (body instanceof Query.Select select) {
            select(select);
        } else if (body instanceof Query.SetOperation operation) {
            nested(operation.left());
            words(operation.operator().text());
            words(operation.all() ? "ALL" : "");
            nested(operation.right());
        } else if (body instanceof Query.Nested nested) {
            nested(nested.query());
        } else if (body instanceof Query.Values values) {
            words(values.text().text());
        }
    }

    private void select(Query.Select select) {
        words("SELECT");
        select.distinct().token().ifPresent(token -> words("DISTINCT"));
        if (!select.distinct().on().isEmpty()) {
            words("ON (");
            scalars(select.distinct().on());
            words(")");
        }
        for (int i = 0; i < select.items().size(); i++) {
            Query.Item item = select.items().get(i);
            words(i == 0 ? "" : ",");
            words(item.expression().text());
            item.alias().ifPresent(alias -> words("AS " + alias));
        }
        for (int i = 0; i < select.from().size(); i++) {
            words(i == 0 ? "FROM" : ",");
            source(select.from().get(i));
        }
        select.where().ifPresent(where -> words("WHERE " + where.text()));
        select.grouping().ifPresent(grouping -> {
            words("GROUP BY");
            words(Texts.of(grouping.tokens()));
        });
        select.having().ifPresent(having -> words("HAVING " + having.text()));
        for (int i = 0; i < select.windows().size(); i++) {
            words(i == 0 ? "WINDOW" : ",");
            words(Texts.of(select.windows().get(i).tokens()));
        }
    }

    private void scalars(List<Scalar> scalars) {
        words(scalars.stream().map(Scalar::text).collect(Collectors.joining(", ")));
    }

    private void sorts(List<Scalar.Sort> sorts) {
        for (int i = 0; i < sorts.size(); i++) {
            words(i == 0 ? "ORDER BY" : ",");
            words(sorts.get(i).expression().text());
            words(Texts.of(sorts.get(i).direction()));
        }
    }

    private void source(Query.Source source) {
        if (source instanceof Query.Relation relation) {
            relation.only().ifPresent(token -> words("ONLY"));
            words(relation.name().stream().map(Token::text).collect(Collectors.joining(".")));
            alias(relation.alias());
            words(Texts.of(relation.sample()));
        } else if (source instanceof Query.Derived derived) {
            derived.lateral().ifPresent(token -> words("LATERAL"));
            nested(derived.query());
            alias(derived.alias());
        } else if (source instanceof Query.Joined join) {
            joined(join);
        } else if (source instanceof Query.Call call) {
            words(Texts.of(call.tokens()));
        }
    }

    private void joined(Query.Joined join) {
        words("(");
        source(join.left());
        words(Texts.of(join.operator()));
        source(join.right());
        join.on().ifPresent(on -> words("ON " + on.text()));
        if (!join.using().isEmpty()) {
            words("USING");
            columns(QueryReader.identifiers(join.using()));
            join.usingAlias().ifPresent(alias -> words("AS " + alias));
        }
        words(")");
        alias(join.alias());
    }

    private void alias(Query.Alias alias) {
        words(alias.name().map(Identifier::toString).orElse(""));
        columns(alias.columns());
    }

    private void columns(List<Identifier> columns) {
        if (!columns.isEmpty()) {
            words(columns.stream().map(Identifier::toString).collect(Collectors.joining(", ", "(", ")")));
        }
    }

    private void words(String text) {
        if (!text.isEmpty()) {
            out.append(out.isEmpty() ? "" : " ").append(text);
        }
    }
}
