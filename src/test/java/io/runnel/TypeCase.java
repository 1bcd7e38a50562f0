package io.runnel;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;

/**
 * A column type with values of it, as SQL.
 *
 * @param values what differs from one another
 * @param twins for each value one that is equal to it and prints differently, or the value itself
 * @param nullable whether a value may be null
 */
record TypeCase(String type, List<String> values, List<String> twins, boolean nullable) {

    /** Reads a file beside this class. */
    static String resource(String name) throws IOException {
        try (InputStream in = Objects.requireNonNull(TypeCase.class.getResourceAsStream(name))) {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        }
    }

    /** The cases of {@code types.txt} that this version of PostgreSQL knows; from 17 on all. */
    static List<TypeCase> read(SqlClient client) throws IOException, SQLException {
        List<TypeCase> cases = new ArrayList<>();
        boolean all = client.rows("SELECT current_setting('server_version_num')::int >= 170000")
                .equals(List.of("t"));
        for (String line : resource("types.txt").lines().toList()) {
            if (line.startsWith("#")) {
                continue;
            }
            String[] parts = line.split(" ¦ ", -1);
            String type = parts[0];
            List<String> values = new ArrayList<>();
            List<String> twins = new ArrayList<>();
            for (String value : Arrays.asList(parts).subList(1, parts.length)) {
                String[] pair = value.split(" ≅ ", -1);
                if (all || works(client, "SELECT " + literal(type, pair[0]))) {
                    values.add(literal(type, pair[0]));
                    twins.add(literal(type, pair[pair.length - 1]));
                }
            }
            if (!values.isEmpty()) {
                cases.add(new TypeCase(type, values, twins, works(client, "SELECT " + literal(type, null))));
            }
        }
        return cases;
    }

    /** Whether the statement fails for no reason of type. */
    static boolean works(SqlClient client, String sql) {
        try {
            client.run(sql);
            return true;
        } catch (SQLException e) {
            return false;
        }
    }

    private static String literal(String type, String value) {
        String text = value == null
                ? "NULL"
                : "'" + value.replace("∅", "").replace('␠', ' ').replace("'", "''") + "'";
        int collation = type.indexOf(" COLLATE ");
        return collation < 0
                ? "(" + text + "::" + type + ")"
                : "(" + text + "::" + type.substring(0, collation) + type.substring(collation) + ")";
    }

    /** A null of the type, or where it has none a value. */
    String nothing() {
        return nullable ? literal(type, null) : values.get(0);
    }

    /** How many different contents a column may have. */
    int contents() {
        return values.size() + (nullable ? 1 : 0);
    }

    /** One of the contents, or what is equal to it. */
    String content(int number, boolean twin) {
        int index = number % contents();
        if (index == values.size()) {
            return nothing();
        }
        return (twin ? twins : values).get(index);
    }
}
