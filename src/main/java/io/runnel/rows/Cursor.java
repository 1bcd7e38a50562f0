package io.runnel.rows;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import io.runnel.postgres.Failure;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collections;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A place in an order: after some row.
 *
 * @param order what the place is in; a cursor of another order is refused
 * @param values of the last row, by the keys of the order, in their types' text form
 * @param seen how many rows with just these values come before the place
 */
record Cursor(String order, List<@Nullable String> values, long seen) {

    /** A longer one would not fit into an address. */
    static final int CHARACTERS_MAX = 6_000;

    private static final ObjectMapper JSON = new ObjectMapper();

    Cursor {
        values = Collections.unmodifiableList(new ArrayList<>(values));
    }

    String text() {
        ArrayNode parts = JSON.createArrayNode().add(order).add(seen);
        values.forEach(parts::add);
        String text;
        try {
            text = Base64.getUrlEncoder().withoutPadding().encodeToString(JSON.writeValueAsBytes(parts));
        } catch (JsonProcessingException impossible) {
            throw new IllegalStateException("texts cannot be written as JSON", impossible);
        }
        if (text.length() > CHARACTERS_MAX) {
            throw new Failure.Invalid(
                    "cursor-too-long",
                    "the values of the ordering columns are too long to go on from",
                    "order by shorter columns, or filter so that one page is enough");
        }
        return text;
    }

    /** Fails unless the text is a cursor of this order, with that many values. */
    static Cursor parse(String text, String order, int values) {
        JsonNode parts;
        try {
            parts = JSON.readTree(Base64.getUrlDecoder().decode(text));
        } catch (IllegalArgumentException | IOException invalid) {
            throw invalid();
        }
        if (!parts.isArray()
                || parts.size() < 2
                || !parts.get(0).isTextual()
                || !parts.get(1).canConvertToLong()) {
            throw invalid();
        } else if (!parts.get(0).asText().equals(order) || parts.size() != values + 2) {
            throw new Failure.Invalid(
                    "invalid-cursor",
                    "the cursor belongs to another read model or another order",
                    "repeat the request that it came from, with no other change; or begin without a cursor");
        }
        List<@Nullable String> found = new ArrayList<>();
        for (int i = 2; i < parts.size(); i++) {
            JsonNode value = parts.get(i);
            if (!value.isTextual() && !value.isNull() || value.asText().indexOf('\0') >= 0) {
                throw invalid();
            }
            found.add(value.isNull() ? null : value.asText());
        }
        long seen = parts.get(1).asLong();
        if (seen < 0) {
            throw invalid();
        }
        return new Cursor(order, found, seen);
    }

    private static Failure invalid() {
        return new Failure.Invalid(
                "invalid-cursor", "that is not a cursor", "pass what the link to the next page holds, unchanged");
    }
}
