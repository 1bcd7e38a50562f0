package io.runnel.projection;

import static org.assertj.core.api.Assertions.assertThat;

import io.quarkus.test.junit.QuarkusTest;
import java.sql.SQLException;

/** The same with several workers: each event is handled once, and in order per entity, but not among entities. */
@QuarkusTest
class WorkersGapTest extends GapContract {

    @Override
    int workers() {
        return 4;
    }

    @Override
    void assertHandled(String... positions) throws SQLException {
        assertThat(client.rows("SELECT position FROM handled")).containsExactlyInAnyOrder(positions);
        for (String entity : client.rows("SELECT DISTINCT entity FROM handled")) {
            String of = " FROM handled WHERE entity = " + entity;
            assertThat(client.rows("SELECT position" + of + " ORDER BY sequence"))
                    .isSubsetOf(positions)
                    .isSortedAccordingTo((one, other) -> index(one, positions) - index(other, positions));
        }
    }

    private static int index(String position, String... positions) {
        return java.util.List.of(positions).indexOf(position);
    }

    @Override
    void assertOrdered(String handled) throws SQLException {
        for (String entity : client.rows("SELECT DISTINCT entity FROM handled")) {
            super.assertOrdered("SELECT sequence, position FROM handled WHERE entity = " + entity);
        }
    }
}
