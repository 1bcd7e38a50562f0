package io.runnel.health;

import static org.assertj.core.api.Assertions.assertThat;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.runnel.cdc.WokenUp;
import io.runnel.refresh.RefreshCompleted;
import io.runnel.refresh.RefreshFailed;
import io.runnel.refresh.RefreshReport;
import java.time.Duration;
import java.util.Set;
import org.junit.jupiter.api.Test;

class MetersTest {

    private final SimpleMeterRegistry registry = new SimpleMeterRegistry();
    private final Meters meters = new Meters(registry, 2);

    @Test
    void refreshes_are_counted_by_table_and_mode() {
        meters.completed(completed("public.a", "DIFFERENTIAL"));
        meters.completed(completed("public.a", "DIFFERENTIAL"));
        meters.completed(completed("public.a", "FULL"));
        assertThat(registry.get("runnel.refreshes")
                        .tags("table", "public.a", "mode", "DIFFERENTIAL")
                        .counter()
                        .count())
                .isEqualTo(2);
        assertThat(registry.get("runnel.refresh.rows")
                        .tags("table", "public.a", "operation", "update")
                        .counter()
                        .count())
                .isEqualTo(6);
        assertThat(registry.get("runnel.refresh.duration")
                        .tags("mode", "FULL")
                        .timer()
                        .count())
                .isEqualTo(1);
    }

    @Test
    void dropped_table_takes_its_meters_along() {
        meters.completed(completed("public.a", "FULL"));
        meters.completed(completed("public.b", "FULL"));
        meters.failed(new RefreshFailed("public.a", "postgres-22012"));
        meters.wokenUp(new WokenUp(1));
        meters.forget(Set.of("public.a"));
        assertThat(registry.getMeters())
                .noneMatch(meter -> "public.a".equals(meter.getId().getTag("table")))
                .anyMatch(meter -> "public.b".equals(meter.getId().getTag("table")));
        assertThat(registry.get("runnel.wakeups").counter().count()).isEqualTo(1);
    }

    @Test
    void names_that_are_too_many_are_counted_together() {
        for (String name : new String[] {"a", "b", "c", "d", "a"}) {
            meters.completed(completed(name, "FULL"));
        }
        assertThat(registry.get("runnel.refreshes").tag("table", "a").counter().count())
                .isEqualTo(2);
        assertThat(registry.get("runnel.refreshes")
                        .tag("table", Meters.OTHERS)
                        .counter()
                        .count())
                .isEqualTo(2);
        meters.forget(Set.of("a"));
        meters.completed(completed("c", "FULL"));
        assertThat(registry.get("runnel.refreshes").tag("table", "c").counter().count())
                .isEqualTo(1);
    }

    private static RefreshCompleted completed(String table, String mode) {
        return new RefreshCompleted(table, new RefreshReport(mode, "because", 3, 1, 2, 3, Duration.ofMillis(5)));
    }
}
