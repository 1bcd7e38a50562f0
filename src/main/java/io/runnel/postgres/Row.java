package io.runnel.postgres;

import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** One row of a result, read by column name. */
public final class Row {

    private final io.vertx.mutiny.sqlclient.Row row;

    Row(io.vertx.mutiny.sqlclient.Row row) {
        this.row = row;
    }

    public String text(String column) {
        return Objects.requireNonNull(row.getString(column), column);
    }

    public Optional<String> optionalText(String column) {
        return Optional.ofNullable(row.getString(column));
    }

    public long number(String column) {
        return Objects.requireNonNull(row.getLong(column), column);
    }

    public Optional<Long> optionalNumber(String column) {
        return Optional.ofNullable(row.getLong(column));
    }

    public double real(String column) {
        return Objects.requireNonNull(row.getDouble(column), column);
    }

    public Optional<Double> optionalReal(String column) {
        return Optional.ofNullable(row.getDouble(column));
    }

    public Optional<Instant> optionalTime(String column) {
        return Optional.ofNullable(row.getOffsetDateTime(column)).map(OffsetDateTime::toInstant);
    }

    public boolean truth(String column) {
        return Objects.requireNonNull(row.getBoolean(column), column);
    }

    public java.util.List<Long> numbers(String column) {
        return java.util.Arrays.asList(Objects.requireNonNull(row.getArrayOfLongs(column), column));
    }

    public java.util.List<String> texts(String column) {
        return java.util.Arrays.asList(Objects.requireNonNull(row.getArrayOfStrings(column), column));
    }

    /** An array some of whose elements may be null. */
    public java.util.List<@Nullable String> optionalTexts(String column) {
        return java.util.Arrays.asList(Objects.requireNonNull(row.getArrayOfStrings(column), column));
    }
}
