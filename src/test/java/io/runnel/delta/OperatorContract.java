package io.runnel.delta;

import static org.assertj.core.api.Assertions.assertThat;

import io.runnel.delta.OperatorExamples.Example;
import io.runnel.operator.Operator;
import io.runnel.operator.Scan;
import io.runnel.sql.Identifier;
import io.runnel.sql.QualifiedName;
import io.runnel.sql.Sql;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.ResultSetMetaData;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;

/**
 * What every delta rule keeps to: its SQL is the one that was reviewed, PostgreSQL accepts it, and it has the columns of
 * its operator and a weight. That it is right is shown by the property tests.
 */
final class OperatorContract {

    private static final Path GOLDEN = Path.of("src/test/resources/golden");

    /** Set to write the golden files anew; the difference is then reviewed like code. */
    private static final boolean UPDATE = Boolean.getBoolean("golden.update");

    private static final int CHANGES = 1000;

    private static final Storage STORAGE = new Storage() {
        @Override
        public QualifiedName buffer(Scan scan) {
            return QualifiedName.of("golden", "changes_" + scan.table().name().name());
        }

        @Override
        public Identifier bufferColumn(Scan scan, Identifier column) {
            return column;
        }

        @Override
        public QualifiedName state(int operator, int number) {
            return QualifiedName.of("golden", "state_" + operator + "_" + number);
        }
    };

    private OperatorContract() {}

    static void matchesItsGoldenFile(Example example) throws IOException {
        Path file = GOLDEN.resolve(example.name() + ".sql");
        String text = statement(example) + "\n";
        if (UPDATE) {
            Files.writeString(file, text);
        }
        assertThat(file)
                .as("run with -Dgolden.update=true, review the new file, commit it")
                .exists();
        assertThat(text).isEqualTo(Files.readString(file));
    }

    static void hasTheColumnsOfItsOperator(Example example, Connection database) throws SQLException {
        try (Statement setUp = database.createStatement()) {
            setUp.execute("""
                    CREATE SCHEMA golden;
                    CREATE TABLE golden.a (id bigint, part integer, price numeric, note json, flag boolean, at timestamptz);
                    CREATE TABLE golden.b (id bigint, label text);
                    CREATE TABLE golden.changes_a (xid xid8, weight smallint, LIKE golden.a);
                    CREATE TABLE golden.changes_b (xid xid8, weight smallint, LIKE golden.b)""");
            for (Map.Entry<QualifiedName, Sql> state :
                    states(example.operator()).entrySet()) {
                setUp.execute(Sql.of("CREATE TABLE {} AS {}", state.getKey(), state.getValue())
                        .text());
            }
            List<String> labels = new ArrayList<>();
            try (PreparedStatement delta = database.prepareStatement(
                            statement(example).replace("$1", "'1:1:'").replace("$2", "'2024-01-01'"));
                    ResultSet rows = delta.executeQuery()) {
                ResultSetMetaData columns = rows.getMetaData();
                for (int column = 1; column <= columns.getColumnCount(); column++) {
                    labels.add(columns.getColumnLabel(column));
                }
                assertThat(columns.getColumnTypeName(columns.getColumnCount())).isEqualTo("int8");
            }
            List<String> expected = new ArrayList<>(
                    example.operator().columns().stream().map(Identifier::name).toList());
            expected.add("weight");
            assertThat(labels).isEqualTo(expected);
        } finally {
            try (Statement cleanUp = database.createStatement()) {
                cleanUp.execute("DROP SCHEMA golden CASCADE");
            }
        }
    }

    private static Map<QualifiedName, Sql> states(Operator root) {
        Identifier result = Identifier.of("result");
        Target target = new Target(
                QualifiedName.of("golden", "target"),
                List.of(result),
                List.of(OperatorExamples.TYPES.type(root, result)),
                Optional.empty(),
                false);
        return new DeltaPlan(root, OperatorExamples.TYPES, STORAGE, target).auxiliaryTables();
    }

    private static String statement(Example example) {
        DeltaQuery query = DeltaQuery.later(
                example.operator(),
                OperatorExamples.TYPES,
                STORAGE,
                table -> example.changed().contains(table),
                CHANGES);
        Sql delta = query.of(example.operator());
        return Sql.of("WITH {}\nTABLE {}", Sql.join(",\n", query.expressions()), Objects.requireNonNull(delta))
                .text();
    }
}
