package io.runnel.embedded;

import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import io.quarkus.test.junit.QuarkusTest;
import io.vertx.mutiny.sqlclient.Pool;
import jakarta.inject.Inject;
import java.time.Duration;
import org.eclipse.microprofile.config.inject.ConfigProperty;
import org.junit.jupiter.api.Test;

@QuarkusTest
class EmbeddedDatabaseTest {
    private static final Duration ANSWER_WAIT_MAX = Duration.ofSeconds(10);

    @Inject
    Pool pool;

    @ConfigProperty(name = "quarkus.datasource.jdbc.url")
    String jdbcUrl;

    @ConfigProperty(name = "quarkus.devservices.enabled")
    boolean container;

    @Test
    void both_drivers_use_the_server_in_the_target_directory() {
        assumeThat(container).as("the tests run on a container").isFalse();
        String directory = pool.query("SELECT current_setting('data_directory'), current_setting('port')")
                .execute()
                .map(rows -> rows.iterator().next())
                .invoke(row -> assertThat(jdbcUrl).contains(":" + row.getString(1) + "/"))
                .map(row -> row.getString(0))
                .await()
                .atMost(ANSWER_WAIT_MAX);

        assertThat(directory).endsWith("target/postgres/data");
    }

    @Test
    void service_is_ready_and_explains_itself() {
        given().get("/q/health/ready").then().statusCode(200);
        given().get("/q/swagger-ui/").then().statusCode(200);
        given().get("/q/metrics").then().statusCode(200);
    }
}
