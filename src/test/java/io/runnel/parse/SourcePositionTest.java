package io.runnel.parse;

import static org.assertj.core.api.Assertions.assertThat;

import io.runnel.operator.Unsupported;
import org.junit.jupiter.api.Test;

class SourcePositionTest {

    private static final String CANONICAL = " SELECT id\n   FROM ( SELECT t.id\n           FROM (public.t\n"
            + "             LEFT JOIN public.u ON ((t.id = u.t_id)))) q;";

    @Test
    void word_is_found_again_in_what_the_user_wrote() {
        Unsupported left = new Unsupported("", CANONICAL.indexOf("LEFT"), "LEFT");
        String query =
                "select t.id -- left of it\nfrom t /* left */ left join u on t.id = t_id where 'left' = \"left\"";
        assertThat(SourcePosition.locate(CANONICAL, left, query)).hasValue(query.indexOf("left join") + 1);
    }

    @Test
    void select_of_the_wrapper_does_not_count() {
        Unsupported second = new Unsupported("", CANONICAL.lastIndexOf("SELECT"), "SELECT");
        assertThat(SourcePosition.locate(CANONICAL, second, "  select t.id from t"))
                .hasValue(3);
    }

    @Test
    void there_is_no_place_when_the_words_differ_in_number() {
        Unsupported left = new Unsupported("", CANONICAL.indexOf("LEFT"), "LEFT");
        assertThat(SourcePosition.locate(CANONICAL, left, "select left(t.id) from t left join u on true"))
                .isEmpty();
        assertThat(SourcePosition.locate(CANONICAL, Unsupported.of(""), "select left"))
                .isEmpty();
    }
}
