package io.runnel.refresh.random;

import io.runnel.refresh.random.Relation.Column;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;

/** Random transactions over the tables of {@link RandomSchema}. */
final class RandomChanges {

    private final Dice dice;
    private final List<Relation> tables;

    RandomChanges(long seed, RandomSchema schema) {
        dice = new Dice(seed);
        tables = schema.tables();
    }

    /** Rows to begin with. */
    List<String> initial() {
        List<String> statements = new ArrayList<>();
        for (Relation table : tables) {
            for (int i = 0; i < 7; i++) {
                statements.add(insert(table));
            }
        }
        return statements;
    }

    /** The statements of one transaction; each may violate a constraint and is then undone alone. */
    List<String> transaction() {
        List<String> statements = new ArrayList<>();
        int wanted = 1 + dice.below(5);
        for (int i = 0; i < wanted; i++) {
            statements.addAll(statements(dice.of(tables)));
        }
        return statements;
    }

    /** Whether all of the next transaction comes to nothing. */
    boolean undone() {
        return dice.once(12);
    }

    private List<String> statements(Relation table) {
        String name = table.sql();
        int roll = dice.below(40);
        if (roll < 12) {
            return List.of(insert(table));
        }
        if (roll < 20) {
            Column column = dice.of(table.columns());
            return List.of(
                    "UPDATE " + name + " SET " + column.name() + " = " + dice.value(column.kind()) + some(table));
        }
        if (roll < 27) {
            return List.of("DELETE FROM " + name + some(table));
        }
        if (roll < 30) {
            return List.of(again(table, some(table)));
        }
        if (roll < 33) {
            Column number = number(table);
            String update = "UPDATE " + name + " SET " + number.name() + " = " + number.name();
            return List.of(update + " + 100", update + " - 100 WHERE " + number.name() + " > 50");
        }
        if (roll < 36) {
            return swap(table);
        }
        if (roll < 37) {
            return List.of("UPDATE " + name + " SET " + number(table).name() + " = "
                    + number(table).name());
        }
        if (roll < 38) {
            return List.of(
                    "TRUNCATE " + (table.sql().equals("random_parted") && dice.once(2) ? "random_parted_low" : name));
        }
        return roll < 39 ? upsert() : direct();
    }

    private static Column number(Relation table) {
        return table.columns().get(0);
    }

    private String insert(Relation table) {
        List<String> rows = new ArrayList<>();
        for (int i = 0; i <= dice.below(3); i++) {
            rows.add(table.columns().stream()
                    .map(column -> switch (column.name()) {
                        case "id" -> Integer.toString(dice.below(15));
                        case "a", "b" -> Integer.toString(dice.below(4));
                        default -> dice.value(column.kind());
                    })
                    .collect(Collectors.joining(", ", "(", ")")));
        }
        return "INSERT INTO " + table.sql() + " (" + names(table) + ") VALUES " + String.join(", ", rows);
    }

    private static String names(Relation table) {
        return table.columns().stream().map(Column::name).collect(Collectors.joining(", "));
    }

    /** Deletes rows and inserts the same again. */
    private static String again(Relation table, String some) {
        return "WITH gone AS (DELETE FROM " + table.sql() + some + " RETURNING *) INSERT INTO " + table.sql()
                + " SELECT * FROM gone";
    }

    private List<String> swap(Relation table) {
        String set = "UPDATE " + table.sql() + " SET " + number(table).name() + " = ";
        String where = " WHERE " + number(table).name() + " = ";
        int one = dice.below(4);
        int other = dice.below(4);
        return List.of(set + "-7" + where + one, set + one + where + other, set + other + where + "-7");
    }

    private List<String> upsert() {
        return List.of("INSERT INTO random_keyed (id, k, n) SELECT g, g % 3, 1.5 FROM generate_series(1, 5) g"
                + " ON CONFLICT (id) DO UPDATE SET k = excluded.k, t = random_keyed.t || 'x'");
    }

    private List<String> direct() {
        return dice.once(2)
                ? List.of("INSERT INTO random_parted_low (id, k, n, d) VALUES (" + dice.below(15) + ", 1, 2.25, NULL)")
                : List.of("""
                        MERGE INTO random_paired p USING (SELECT k, count(*) AS n FROM random_bare GROUP BY k) s ON p.a = s.k
                        WHEN MATCHED AND s.n > 2 THEN DELETE WHEN MATCHED THEN UPDATE SET v = s.n
                        WHEN NOT MATCHED AND s.k IS NOT NULL THEN INSERT (a, b, v, t, n) VALUES (s.k, 9, s.n, 'm', 0.00)""");
    }

    private String some(Relation table) {
        Column column = dice.of(table.columns());
        return switch (column.kind()) {
            case INT, BIGINT -> " WHERE " + column.name() + " % 3 = " + dice.below(3);
            case TEXT, LATIN -> " WHERE " + column.name() + " > 'A'";
            case DATE, NUM, FLOAT, LOOSE -> " WHERE " + column.name() + " IS NULL";
            default -> " WHERE " + number(table).name() + " = " + dice.below(5);
        };
    }
}
