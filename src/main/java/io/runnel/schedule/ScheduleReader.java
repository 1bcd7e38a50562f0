package io.runnel.schedule;

import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Pattern;

/** Reads schedules; every text gives a schedule or a message, in time bounded by {@link #LENGTH_MAX}. */
final class ScheduleReader {
    private static final int LENGTH_MAX = 1000;
    private static final int ECHO_MAX = 60;
    private static final String CALCULATED = "calculated";
    private static final Pattern SEPARATOR = Pattern.compile("[;\\n\\r]");
    private static final String HINT =
            "write a duration (500ms, 5s, 1h30m, 1d), a cron expression (*/5 * * * *, @hourly),"
                    + " on-change, downstream or manual";

    private ScheduleReader() {}

    static Schedule read(String written) {
        if (written.length() > LENGTH_MAX) {
            throw new IllegalArgumentException("a schedule has at most " + LENGTH_MAX + " characters; " + HINT);
        }
        String text = written.strip();
        String word = text.toLowerCase(Locale.ROOT);
        if (word.equals(Manual.WORD)) {
            return new Manual();
        }
        if (word.equals(Downstream.WORD) || word.equals(CALCULATED)) {
            return new Downstream();
        }
        if (word.startsWith(OnChange.WORD)) {
            return onChange(word);
        }
        Optional<Duration> duration = DurationText.read(word);
        if (duration.isPresent()) {
            return new Every(duration.get());
        }
        if (text.startsWith("@")
                || text.contains(" ")
                || SEPARATOR.matcher(text).find()) {
            return cron(text);
        }
        throw new IllegalArgumentException("schedule \"" + echo(text) + "\" is not understood; " + HINT);
    }

    private static Schedule onChange(String word) {
        String pause = word.substring(OnChange.WORD.length()).strip();
        if (pause.isEmpty()) {
            return new OnChange(Duration.ZERO);
        }
        return new OnChange(DurationText.read(pause)
                .orElseThrow(() -> new IllegalArgumentException("\"" + echo(pause)
                        + "\" after on-change is not a duration; write on-change, or on-change 20ms for a pause between"
                        + " refreshes")));
    }

    private static Schedule cron(String text) {
        List<String> parts = Arrays.stream(SEPARATOR.split(text))
                .filter(part -> !part.isBlank())
                .toList();
        if (parts.size() > Cron.EXPRESSIONS_MAX) {
            throw new IllegalArgumentException("a schedule takes at most " + Cron.EXPRESSIONS_MAX
                    + " cron expressions, not " + parts.size() + "; combine them with commas within a field");
        }
        try {
            return new Cron(parts.stream().map(CronExpression::parse).toList());
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException(
                    "schedule \"" + echo(text) + "\" is not understood; " + e.getMessage() + "; otherwise " + HINT, e);
        }
    }

    private static String echo(String text) {
        return text.length() <= ECHO_MAX ? text : text.substring(0, ECHO_MAX) + "…";
    }
}
