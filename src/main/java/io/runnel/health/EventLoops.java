package io.runnel.health;

import io.netty.channel.EventLoopGroup;
import io.netty.util.concurrent.EventExecutor;
import io.quarkus.netty.MainEventLoopGroup;
import io.smallrye.health.api.AsyncHealthCheck;
import io.smallrye.mutiny.Uni;
import jakarta.enterprise.context.ApplicationScoped;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.eclipse.microprofile.health.HealthCheckResponse;
import org.eclipse.microprofile.health.Liveness;

/** Alive is who turns all event loops; a restart helps nobody else. */
@Liveness
@ApplicationScoped
class EventLoops implements AsyncHealthCheck {

    private static final String NAME = "event loops";
    private static final Duration TURN_MAX = Duration.ofSeconds(5);

    private final EventLoopGroup loops;

    EventLoops(@MainEventLoopGroup EventLoopGroup loops) {
        this.loops = loops;
    }

    @Override
    public Uni<HealthCheckResponse> call() {
        List<Uni<Boolean>> turns = new ArrayList<>();
        for (EventExecutor loop : loops) {
            turns.add(Uni.createFrom().emitter(emitter -> loop.execute(() -> emitter.complete(true))));
        }
        return Uni.join()
                .all(turns)
                .andFailFast()
                .ifNoItem()
                .after(TURN_MAX)
                .fail()
                .map(turned -> HealthCheckResponse.up(NAME))
                .onFailure()
                .recoverWithItem(HealthCheckResponse.down(NAME));
    }
}
