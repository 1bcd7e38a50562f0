package io.runnel.schedule;

import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;

/** At the times of one or several cron expressions, whichever comes first, in the time zone of the table. */
public record Cron(List<CronExpression> expressions) implements Schedule {
    /** Each expression is evaluated for every due time. */
    public static final int EXPRESSIONS_MAX = 20;

    static final String SEPARATOR = " ; ";

    public Cron {
        expressions = List.copyOf(expressions);
        if (expressions.isEmpty() || expressions.size() > EXPRESSIONS_MAX) {
            throw new IllegalArgumentException("a schedule takes between 1 and 20 cron expressions");
        }
    }

    @Override
    public String text() {
        return expressions.stream().map(CronExpression::text).collect(Collectors.joining(SEPARATOR));
    }

    @Override
    public Optional<Instant> dueWhenDirty(LastRun last, Instant dirtySince, ZoneId zone) {
        return next(dirtySince, zone);
    }

    @Override
    public Optional<Instant> dueWhenPolled(LastRun last, Duration pause, ZoneId zone) {
        return missed(last) ? Optional.empty() : next(last.startedAt(), zone);
    }

    @Override
    public Optional<Instant> dueWhenCovered(LastRun last, Duration fallbackPoll, ZoneId zone) {
        return missed(last) ? Optional.empty() : next(last.finishedAt().plus(fallbackPoll), zone);
    }

    /** Times that passed before this process knew the table are not made up for: a restart is no cron time. */
    private static boolean missed(LastRun last) {
        return last.startedAt().equals(Instant.EPOCH);
    }

    private Optional<Instant> next(Instant after, ZoneId zone) {
        return expressions.stream()
                .flatMap(expression -> expression.next(after, zone).stream())
                .min(Instant::compareTo);
    }
}
