package io.runnel.parse;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Whatever the text, there is an answer, and a text without sense is never supported by accident. */
@Timeout(60)
class GarbageTest {

    private static final int ROUNDS = 20_000;
    private static final int DEEP = 20_000;
    private static final String PIECES =
            "( ) [ ] , ; . :: * + = AND OR CASE END SELECT FROM WHERE GROUP BY HAVING ORDER LIMIT UNION ALL WITH AS JOIN ON"
                    + " LEFT USING t a b id u x 'x' \"y\" 1 count ( FILTER WITHIN OVER DISTINCT EXISTS VALUES LATERAL ROWS"
                    + " public t.a u.id :: FOR WINDOW INTERSECT ONLY => \" ' $ E' -- /* \\ ü \uD800";

    private static List<String> queries() throws IOException {
        List<String> queries = new ArrayList<>(CanonicalDatabase.statements("supported.sql"));
        CanonicalTextTest.unsupported().forEach(refused -> queries.add(refused.query()));
        return queries;
    }

    @Test
    void random_text_is_answered() {
        long seed = System.nanoTime();
        Random random = new Random(seed);
        String[] pieces = PIECES.split(" ", -1);
        for (int round = 0; round < ROUNDS; round++) {
            StringBuilder text = new StringBuilder(random.nextBoolean() ? "SELECT a FROM ( SELECT t.a FROM " : "");
            for (int i = random.nextInt(30); i > 0; i--) {
                text.append(pieces[random.nextInt(pieces.length)]).append(random.nextBoolean() ? " " : "");
            }
            assertAnswered(text.toString(), seed);
        }
    }

    @Test
    void damaged_queries_are_answered() throws IOException {
        long seed = System.nanoTime();
        Random random = new Random(seed);
        String[] pieces = PIECES.split(" ", -1);
        List<String> queries = queries();
        for (int round = 0; round < ROUNDS; round++) {
            StringBuilder text = new StringBuilder("SELECT id FROM ( ")
                    .append(queries.get(random.nextInt(queries.size())))
                    .append(") q;");
            for (int i = 1 + random.nextInt(3); i > 0; i--) {
                int from = random.nextInt(text.length());
                int to = Math.min(text.length(), from + random.nextInt(8));
                text.replace(from, to, random.nextBoolean() ? "" : " " + pieces[random.nextInt(pieces.length)] + " ");
            }
            assertAnswered(text.toString(), seed);
        }
    }

    @Test
    void deep_and_long_texts_are_answered() {
        for (String piece : List.of(
                "(",
                "[",
                "( SELECT ",
                "count(",
                "CASE WHEN ",
                "t JOIN ",
                "WITH x AS (",
                "((",
                "SELECT t.a UNION ",
                "NOT ",
                "t.a AND ",
                "t.a, ",
                "'",
                "\"",
                "(public.t JOIN ",
                "f(x) OVER (",
                "GROUP BY ",
                "/*")) {
            for (String before : List.of("", "SELECT a FROM ( SELECT ", "SELECT a FROM ( SELECT t.a FROM ")) {
                assertAnswered(before + piece.repeat(DEEP), 0);
            }
        }
        assertAnswered(
                "SELECT a FROM (SELECT t.a FROM public.t" + " UNION SELECT t.a FROM public.t".repeat(DEEP) + ") q", 0);
        assertAnswered("SELECT a FROM (SELECT t.a FROM public.t" + ", public.t".repeat(DEEP) + ") q", 0);
        assertAnswered("SELECT a FROM (SELECT " + "x".repeat(1_000_000) + " FROM public.t) q", 0);
    }

    /** Each query borrows from all before it, and would double the tree. */
    @Test
    void chain_of_borrowing_queries_is_refused_in_time() {
        StringBuilder text = new StringBuilder("SELECT id FROM ( SELECT t.id FROM public.t");
        for (int i = 1; i <= 60; i++) {
            String before = i == 1 ? "t.b" : "x" + (i - 1) + ".n";
            text.append(", LATERAL ( SELECT count(*) AS n FROM public.u u" + i + " WHERE (u" + i + ".id < (t.a + "
                    + before + "))) x" + i);
        }
        ParsedQuery parsed = ParserTest.parse(text + ") q;");
        assertThat(parsed.unsupported().get(0).reason()).contains("more than " + Parser.TREE_MAX + " operators");
    }

    private static void assertAnswered(String text, long seed) {
        assertThatCode(() -> {
                    ParsedQuery parsed = ParserTest.parse(text);
                    boolean marked = parsed.root()
                            .walk()
                            .anyMatch(operator -> operator.unsupported().isPresent());
                    assertThat(marked).isNotEqualTo(parsed.isSupported());
                })
                .as("seed %s: %s", seed, text.length() > 2000 ? text.substring(0, 200) : text)
                .doesNotThrowAnyException();
    }
}
