package io.runnel.schedule;

import com.cronutils.model.definition.CronDefinition;
import com.cronutils.model.definition.CronDefinitionBuilder;
import com.cronutils.model.time.ExecutionTime;
import com.cronutils.parser.CronParser;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;

/**
 * One cron expression: five fields, six with seconds in front, or a nickname. As in every cron, day of month and day of
 * week are alternatives when both are given. A local time that a change of the clocks leaves out is left out.
 */
public final class CronExpression {
    private static final int LENGTH_MAX = 200;
    private static final Pattern NICKNAME = Pattern.compile("@[a-z]{1,20}");
    private static final Pattern ALLOWED = Pattern.compile("[-0-9a-zA-Z*/,# ]+");
    private static final Pattern RANGE = Pattern.compile("(\\d{1,4})-(\\d{1,4})");
    private static final CronDefinition DEFINITION = definition();

    private final String text;
    private final ExecutionTime times;

    private CronExpression(String text, ExecutionTime times) {
        this.text = text;
        this.times = times;
    }

    /**
     * @throws IllegalArgumentException if it is not a cron expression, or one that no day ever matches
     */
    public static CronExpression parse(String written) {
        String text = written.strip().replaceAll("\\s+", " ");
        CronExpression expression = new CronExpression(text, ExecutionTime.forCron(cron(text)));
        // Found out now, because a table that is never due looks like a dead scheduler.
        if (expression.next(Instant.EPOCH, ZoneOffset.UTC).isEmpty()) {
            throw new IllegalArgumentException(
                    "cron expression " + text + " never comes true; check the day against the month");
        }
        return expression;
    }

    public String text() {
        return text;
    }

    /** The first time after the given one. */
    Optional<Instant> next(Instant after, ZoneId zone) {
        return times.nextExecution(after.atZone(zone)).map(time -> time.toInstant());
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof CronExpression that && text.equals(that.text);
    }

    @Override
    public int hashCode() {
        return text.hashCode();
    }

    @Override
    public String toString() {
        return text;
    }

    private static com.cronutils.model.Cron cron(String text) {
        String full = withSeconds(text);
        com.cronutils.model.Cron cron;
        try {
            cron = new CronParser(DEFINITION).parse(full).validate();
        } catch (RuntimeException e) {
            // The library reports a few malformed expressions with exceptions that are no part of its contract.
            throw new IllegalArgumentException(
                    "cron expression " + text + " is not understood: " + e.getMessage()
                            + "; write five fields (minute hour day month weekday), or six with seconds in front",
                    e);
        }
        // The library accepts these and quietly reads something else.
        if (RANGE.matcher(cron.asString()).results().anyMatch(CronExpression::backwards)) {
            throw new IllegalArgumentException("cron expression " + text
                    + " has a range that runs backwards; write it as two ranges, such as 22-23,0-2");
        }
        return cron;
    }

    private static String withSeconds(String text) {
        String lower = text.toLowerCase(Locale.ROOT);
        if (NICKNAME.matcher(lower).matches()) {
            return lower;
        }
        int fields = text.split(" ", -1).length;
        if (text.length() > LENGTH_MAX || !ALLOWED.matcher(text).matches() || fields < 5 || fields > 6) {
            throw new IllegalArgumentException("a cron expression has five fields (minute hour day month weekday),"
                    + " or six with seconds in front, in at most " + LENGTH_MAX + " characters");
        }
        return fields == 5 ? "0 " + text : text;
    }

    private static boolean backwards(MatchResult range) {
        return Integer.parseInt(range.group(1)) > Integer.parseInt(range.group(2));
    }

    private static CronDefinition definition() {
        return CronDefinitionBuilder.defineCron()
                .withSeconds()
                .and()
                .withMinutes()
                .and()
                .withHours()
                .and()
                .withDayOfMonth()
                .supportsL()
                .and()
                .withMonth()
                .and()
                .withDayOfWeek()
                .withValidRange(0, 7)
                .withMondayDoWValue(1)
                .withIntMapping(7, 0)
                .supportsHash()
                .supportsL()
                .and()
                .withSupportedNicknameHourly()
                .withSupportedNicknameDaily()
                .withSupportedNicknameMidnight()
                .withSupportedNicknameWeekly()
                .withSupportedNicknameMonthly()
                .withSupportedNicknameYearly()
                .withSupportedNicknameAnnually()
                .instance();
    }
}
