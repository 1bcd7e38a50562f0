package io.runnel.embedded;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class DatabaseUrlTest {
    @Test
    void every_part_is_read() {
        DatabaseUrl url = DatabaseUrl.parse("postgres://ann:secret@db.example:6543/shop?sslmode=require");

        assertThat(url.host()).isEqualTo("db.example");
        assertThat(url.port()).isEqualTo(6543);
        assertThat(url.database()).isEqualTo("shop");
        assertThat(url.username()).isEqualTo("ann");
        assertThat(url.password()).isEqualTo("secret");
        assertThat(url.parameters()).containsEntry("sslmode", "require");
    }

    @Test
    void both_drivers_get_an_address_without_credentials() {
        DatabaseUrl url = DatabaseUrl.parse("postgresql://ann:secret@db.example/shop");

        assertThat(url.reactive()).isEqualTo("postgresql://db.example:5432/shop");
        assertThat(url.jdbc()).isEqualTo("jdbc:postgresql://db.example:5432/shop");
        assertThat(url.toString()).doesNotContain("secret");
        assertThat(url.psql()).isEqualTo("psql postgresql://ann@db.example:5432/shop");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "jdbc:postgresql://db.example:6543/shop",
                "vertx-reactive:postgresql://db.example:6543/shop",
                "postgres://db.example:6543/shop",
                " postgresql://db.example:6543/shop\n",
                "postgresql:///shop?host=db.example&port=6543",
                "postgresql://db.example:6543?dbname=shop"
            })
    void every_way_to_write_an_address_means_the_same(String text) {
        assertThat(DatabaseUrl.parse(text).reactive()).isEqualTo("postgresql://db.example:6543/shop");
    }

    @Test
    void credentials_are_percent_decoded_and_a_plus_stays_a_plus() {
        DatabaseUrl url = DatabaseUrl.parse("postgres://a%40b:p%2Fw%3A+%25$@db.example/shop");

        assertThat(url.username()).isEqualTo("a@b");
        assertThat(url.password()).isEqualTo("p/w:+%$");
    }

    @Test
    void at_sign_in_a_password_may_stay_as_it_is() {
        DatabaseUrl url = DatabaseUrl.parse("postgres://ann:p@ss:w@db.example/shop");

        assertThat(url.username()).isEqualTo("ann");
        assertThat(url.password()).isEqualTo("p@ss:w");
        assertThat(url.host()).isEqualTo("db.example");
    }

    @Test
    void credentials_may_be_parameters() {
        DatabaseUrl url = DatabaseUrl.parse("jdbc:postgresql://db.example/shop?user=ann&password=s%26t");

        assertThat(url.username()).isEqualTo("ann");
        assertThat(url.password()).isEqualTo("s&t");
        assertThat(url.jdbc()).isEqualTo("jdbc:postgresql://db.example:5432/shop");
    }

    @ParameterizedTest
    @CsvSource({
        "postgres://db.example, postgresql://db.example:5432/postgres",
        "postgres://ann@db.example, postgresql://db.example:5432/ann",
        "postgres://, postgresql://localhost:5432/postgres",
        "postgres://[::1]:6543/shop, postgresql://[::1]:6543/shop",
        "postgres://db.example/my%20shop, postgresql://db.example:5432/my%20shop"
    })
    void what_is_missing_has_the_default_of_libpq(String text, String expected) {
        assertThat(DatabaseUrl.parse(text).reactive()).isEqualTo(expected);
    }

    @Test
    void parameters_reach_each_driver_under_the_name_it_knows() {
        DatabaseUrl url = DatabaseUrl.parse(
                "postgres://db.example/shop?sslmode=require&application_name=a%20b&connect_timeout=5&channel_binding=require");

        assertThat(url.reactive())
                .isEqualTo("postgresql://db.example:5432/shop?application_name=a%20b&sslmode=require");
        assertThat(url.jdbc())
                .isEqualTo("jdbc:postgresql://db.example:5432/shop"
                        + "?ApplicationName=a%20b&channelBinding=require&connectTimeout=5&sslmode=require");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "mysql://ann:secret@db.example/shop",
                "db.example/shop",
                "postgres://ann:secret@db.example:0/shop",
                "postgres://ann:secret@db.example:65536/shop",
                "postgres://ann:secret@db.example/shop?port=x",
                "postgres://ann:secret%zz@db.example/shop",
                "postgres://ann:secret@one.example,two.example/shop",
                "postgres://ann:secret@one.example:1,two.example:2/shop",
                "postgres://ann:secret@/shop?host=/var/run/postgresql"
            })
    void what_cannot_be_used_is_refused_without_telling_the_password(String text) {
        assertThatThrownBy(() -> DatabaseUrl.parse(text))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageStartingWith("database URL cannot be used: ")
                .hasMessageNotContaining("secret");
    }
}
