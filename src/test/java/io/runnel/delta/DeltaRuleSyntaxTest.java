package io.runnel.delta;

import io.quarkus.test.junit.QuarkusTest;
import io.runnel.delta.OperatorExamples.Example;
import jakarta.inject.Inject;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.stream.Stream;
import javax.sql.DataSource;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The SQL of every delta rule, as PostgreSQL sees it. */
@QuarkusTest
class DeltaRuleSyntaxTest {

    @Inject
    DataSource database;

    static Stream<Example> examples() {
        return OperatorExamples.all();
    }

    @ParameterizedTest
    @MethodSource("examples")
    void rule_has_the_columns_of_its_operator_and_a_weight(Example example) throws SQLException {
        try (Connection connection = database.getConnection()) {
            OperatorContract.hasTheColumnsOfItsOperator(example, connection);
        }
    }
}
