package io.runnel.parse;

import io.runnel.parse.Mentions.Free;
import io.runnel.parse.Scalar.Column;
import io.runnel.parse.Scalar.Piece;
import io.runnel.sql.Identifier;
import io.runnel.sql.QualifiedName;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** Whether a subquery has at most one row for each row outside, as far as its text and the keys of its table prove it. */
final class SingleRow {

    private SingleRow() {}

    /** @param outer the columns that it borrows */
    static boolean isProven(Query query, Set<Free> outer, Relations relations) {
        if (!(query.body() instanceof Query.Select select) || query.with().isPresent()) {
            return false;
        }
        if (query.limit().isPresent() && LIMIT_ONE.equals(query.limit().get().text())) {
            return true;
        }
        boolean oneTable = select.from().size() == 1
                && select.from().get(0) instanceof Query.Relation
                && select.grouping().isEmpty();
        if (!oneTable) {
            return false;
        }
        Query.Relation table = (Query.Relation) select.from().get(0);
        if (table.name().size() != 2 || !table.alias().columns().isEmpty()) {
            return false;
        }
        QualifiedName name = new QualifiedName(
                table.name().get(0).identifier(), table.name().get(1).identifier());
        Set<Identifier> fixed = fixed(select, outer);
        return relations.find(name).stream()
                .filter(Relation.Table.class::isInstance)
                .flatMap(relation -> ((Relation.Table) relation).keys().stream())
                .anyMatch(fixed::containsAll);
    }

    private static final String LIMIT_ONE = "LIMIT 1";

    /** The columns that are compared for equality with a column from outside or with a constant. */
    private static Set<Identifier> fixed(Query.Select select, Set<Free> outer) {
        Set<Identifier> fixed = new HashSet<>();
        List<List<Piece>> conjuncts =
                select.where().map(where -> Pieces.conjuncts(where.pieces())).orElse(List.of());
        for (List<Piece> conjunct : conjuncts) {
            Pieces.equality(conjunct).ifPresent(equality -> {
                boolean left = outer.contains(Free.of(equality.left()));
                boolean right = outer.contains(Free.of(equality.right()));
                if (left != right) {
                    fixed.add((left ? equality.right() : equality.left()).column());
                }
            });
            constant(conjunct).ifPresent(column -> fixed.add(column.column()));
        }
        return fixed;
    }

    /** The column of {@code (column = 3)}. */
    private static java.util.Optional<Column> constant(List<Piece> conjunct) {
        List<Piece> pieces = conjunct;
        while (Pieces.isEnclosed(pieces)) {
            pieces = pieces.subList(1, pieces.size() - 1);
        }
        boolean constant = pieces.size() >= 3
                && pieces.get(0) instanceof Column
                && pieces.get(1) instanceof Scalar.Word word
                && word.token().isOperator("=")
                && pieces.get(2) instanceof Scalar.Word value
                && (value.token().kind() == Token.Kind.NUMBER || value.token().kind() == Token.Kind.STRING)
                && (pieces.size() == 3
                        || (pieces.get(3) instanceof Scalar.Word cast
                                && cast.token().isOperator("::")));
        return constant ? java.util.Optional.of((Column) pieces.get(0)) : java.util.Optional.empty();
    }
}
