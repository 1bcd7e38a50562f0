package io.runnel.cli;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.StringJoiner;

/** Prints objects as lines of a table, as wide as they need to be. */
final class Columns {

    /** Longer texts are cut. */
    static final int WIDTH_MAX = 100;

    private Columns() {}

    /** @param properties those to show, in this order; a dot leads into an object */
    static String of(JsonNode objects, String... properties) {
        List<List<String>> lines = new ArrayList<>();
        lines.add(List.of(properties));
        for (JsonNode object : objects) {
            List<String> line = new ArrayList<>();
            for (String property : properties) {
                line.add(text(object.at("/" + property.replace('.', '/'))));
            }
            lines.add(line);
        }
        int[] widths = new int[properties.length];
        for (List<String> line : lines) {
            for (int i = 0; i < widths.length; i++) {
                widths[i] = Math.max(widths[i], line.get(i).length());
            }
        }
        StringJoiner table = new StringJoiner("\n");
        lines.forEach(line -> table.add(padded(line, widths)));
        return table.toString();
    }

    /** One property per line. */
    static String properties(JsonNode object) {
        int width = 0;
        for (var field : object.properties()) {
            width = Math.max(width, field.getKey().length());
        }
        StringJoiner lines = new StringJoiner("\n");
        for (var field : object.properties()) {
            lines.add(padded(List.of(field.getKey(), text(field.getValue())), new int[] {width, 0}));
        }
        return lines.toString();
    }

    private static String padded(List<String> line, int[] widths) {
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < line.size(); i++) {
            text.append(line.get(i));
            if (i < line.size() - 1) {
                text.append(" ".repeat(widths[i] - line.get(i).length() + 2));
            }
        }
        return text.toString().stripTrailing();
    }

    private static String text(JsonNode value) {
        String text;
        if (value.isMissingNode() || value.isNull()) {
            text = "-";
        } else if (value.isFloatingPointNumber()) {
            text = String.format(Locale.ROOT, "%.3f", value.asDouble());
        } else {
            text = value.isValueNode() ? value.asText() : value.toString();
        }
        // What is not printed here cannot move the cursor of a terminal either.
        String line = text.replaceAll("\\s+", " ").replaceAll("\\p{Cntrl}", "?");
        return line.length() > WIDTH_MAX ? line.substring(0, WIDTH_MAX - 1) + "…" : line;
    }
}
