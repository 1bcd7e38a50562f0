package io.runnel.projection;

import static org.assertj.core.api.Assertions.assertThat;

import io.runnel.sql.Identifier;
import io.runnel.sql.QualifiedName;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class PipelinesTest {

    private final Pipelines pipelines = new Pipelines();

    private Pipeline worker(long projection, int number) {
        Pipeline added = new Pipeline(new Projection(
                projection,
                number,
                "projection",
                1,
                1,
                QualifiedName.of("public", "log"),
                Identifier.of("position"),
                Times.of("on-change", "UTC", Optional.empty()),
                false,
                false));
        pipelines.add(added);
        return added;
    }

    private void start(Pipeline expected) {
        assertThat(pipelines.next()).contains(expected);
        pipelines.began(expected);
    }

    @Test
    void no_more_than_the_limit_run_at_once() {
        for (int number = 0; number <= Pipelines.CONCURRENT_MAX; number++) {
            pipelines.ready(worker(1, number));
        }
        for (Pipeline expected : pipelines.of(1).stream()
                .sorted((one, other) -> one.key().worker() - other.key().worker())
                .limit(Pipelines.CONCURRENT_MAX)
                .toList()) {
            start(expected);
        }
        assertThat(pipelines.next()).isEmpty();
        pipelines.ended(pipelines.get(new Pipeline.Key(1, 2)).orElseThrow());
        assertThat(pipelines.next()).isEqualTo(pipelines.get(new Pipeline.Key(1, Pipelines.CONCURRENT_MAX)));
    }

    @Test
    void worker_that_gave_way_too_often_is_left_alone_by_its_own_and_by_nobody_else() {
        Pipeline loser = worker(1, 0);
        Pipeline sibling = worker(1, 1);
        Pipeline stranger = worker(2, 0);
        pipelines.ready(sibling);
        start(sibling);
        loser.conflicts = Pipeline.CONFLICTS_MAX;
        pipelines.ready(loser);
        assertThat(pipelines.next()).isEmpty();
        pipelines.ready(stranger);
        start(stranger);
        pipelines.ended(sibling);
        pipelines.ready(sibling);
        start(loser);
        assertThat(pipelines.next()).isEmpty();
        loser.conflicts = 0;
        pipelines.ended(loser);
        start(sibling);
    }

    @Test
    void projection_has_caught_up_when_all_of_its_workers_have() {
        Pipeline one = worker(1, 0);
        Pipeline other = worker(1, 1);
        one.caughtUp = true;
        assertThat(pipelines.caughtUp(1)).isFalse();
        other.caughtUp = true;
        assertThat(pipelines.caughtUp(1)).isTrue();
        pipelines.began(one);
        assertThat(pipelines.caughtUp(1)).isFalse();
    }
}
