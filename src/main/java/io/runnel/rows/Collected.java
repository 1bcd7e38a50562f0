package io.runnel.rows;

import io.runnel.postgres.Failure;
import io.runnel.postgres.Row;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The rows of a page, as they come in. Owned by the one request that reads it. */
final class Collected {
    private final int wanted;
    private final List<Line> lines = new ArrayList<>();
    private long bytes;
    private boolean cut;

    record Line(String json, List<@Nullable String> keys) {}

    Collected(int wanted) {
        this.wanted = wanted;
    }

    void add(List<Row> rows) {
        for (Row row : rows) {
            String json = row.optionalText("json")
                    .orElseThrow(() -> new Failure.Invalid(
                            "row-too-large",
                            "a row has more than " + Pages.BYTES_MAX + " bytes",
                            "choose columns with select"));
            bytes += json.length();
            lines.add(new Line(json, row.optionalTexts("keys")));
        }
        cut = !rows.isEmpty() && rows.get(0).number("found") > rows.size();
    }

    boolean full() {
        return cut || missing() <= 0 || bytesLeft() <= 0;
    }

    boolean cut() {
        return cut || (bytesLeft() <= 0 && lines.size() < wanted);
    }

    long missing() {
        return (long) wanted - lines.size();
    }

    long bytesLeft() {
        return Pages.BYTES_MAX - bytes;
    }

    List<Line> lines() {
        return lines;
    }
}
