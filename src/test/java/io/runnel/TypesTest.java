package io.runnel;

import static org.assertj.core.api.Assertions.assertThat;

import io.quarkus.test.junit.QuarkusTest;
import jakarta.inject.Inject;
import java.util.ArrayList;
import java.util.List;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * Every type of column in sources and results, in every shape of query that is maintained differentially.
 *
 * <p>A source has ten columns of different types. Its rows run through their values, through nulls, and through values that
 * are equal and print differently. After each change the stream tables equal their queries, to the last character.
 */
@QuarkusTest
class TypesTest {

    private static final int COLUMNS = 10;
    private static final int TYPES_MIN = 100;

    @Inject
    DataSource database;

    private SqlClient client;

    @BeforeEach
    void connect() throws Exception {
        client = new SqlClient(database);
        client.run(TypeCase.resource("types.sql"));
    }

    @AfterEach
    void clean_up() throws Exception {
        client.run("SELECT runnel.drop_stream_table(quote_ident(table_name)) FROM runnel.stream_tables"
                + " WHERE table_name LIKE 'type\\_%'");
        client.run("SET client_min_messages = error");
        client.run("DROP SCHEMA types CASCADE");
        client.close();
    }

    @Test
    void every_type_arrives_as_it_is_in_every_shape_of_query() throws Exception {
        List<TypeCase> cases = TypeCase.read(client);
        assertThat(cases).hasSizeGreaterThan(TYPES_MIN);
        List<TypeSource> sources = new ArrayList<>();
        for (int from = 0; from < cases.size(); from += COLUMNS) {
            List<TypeCase> part = cases.subList(from, Math.min(from + COLUMNS, cases.size()));
            sources.add(new TypeSource(client, sources.size(), part, false));
            sources.add(new TypeSource(client, sources.size(), part, true));
        }
        for (TypeSource source : sources) {
            source.create();
        }
        for (TypeSource source : sources) {
            source.run();
        }
    }
}
