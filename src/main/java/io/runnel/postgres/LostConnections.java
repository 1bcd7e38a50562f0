package io.runnel.postgres;

import com.google.errorprone.annotations.CanIgnoreReturnValue;
import io.netty.channel.ChannelDuplexHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelPipeline;
import io.netty.channel.ChannelPromise;
import io.netty.handler.timeout.IdleStateHandler;
import io.runnel.sql.Sql;
import io.vertx.core.AsyncResult;
import io.vertx.core.Vertx;
import io.vertx.pgclient.PgBuilder;
import io.vertx.pgclient.PgConnectOptions;
import io.vertx.sqlclient.Pool;
import io.vertx.sqlclient.PoolOptions;
import io.vertx.sqlclient.Row;
import io.vertx.sqlclient.RowSet;
import io.vertx.sqlclient.impl.SocketConnectionBase;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import org.jboss.logging.Logger;

/**
 * Gives up connections whose other end is gone without a word, as when a network drops what is sent: whoever waits for an
 * answer would wait for ever, and soon the pool would hold no others.
 *
 * <p>Silence alone proves nothing, because a statement may take hours. So when there has been no answer for a while, the
 * server is asked by another connection which backends it has; {@link Connections} makes it end those whose client does not
 * answer. As long as it cannot be asked, there is nothing better to do than to wait.
 */
final class LostConnections {

    /** How long an answer may take before the server is asked. */
    static final Duration SILENCE_MAX = Duration.ofSeconds(10);

    static final Limits LIMITS = new Limits(Duration.ofSeconds(5), SILENCE_MAX, Duration.ofSeconds(5));

    private static final Logger LOG = Logger.getLogger(LostConnections.class);
    private static final Sql BACKENDS = Sql.of("SELECT pid FROM pg_catalog.pg_stat_activity");

    private final Limits limits;

    /** Its one connection is closed when it has said nothing from one look to the next. */
    private final Pool asker;

    private final Set<Watched> open = ConcurrentHashMap.newKeySet();

    /** Touched by the timer's context only. */
    private boolean asking;

    /** Limits the handshakes of connections that are made with these options, and watches those that are handed over. */
    LostConnections(Vertx vertx, PgConnectOptions options, Limits limits) {
        this.limits = limits;
        silentFor(limits.handshake(), options);
        // The read timeout is enough; that of the pool would complete once more what has failed already.
        this.asker = PgBuilder.pool()
                .with(new PoolOptions().setMaxSize(1).setConnectionTimeout(0))
                .connectingTo(silentFor(limits.interval(), new PgConnectOptions(options)))
                .using(vertx)
                .build();
        vertx.setPeriodic(limits.interval().toMillis(), tick -> look());
    }

    /** Has connections closed that receive nothing for so long. */
    @CanIgnoreReturnValue
    private static PgConnectOptions silentFor(Duration longest, PgConnectOptions options) {
        options.setReadIdleTimeout((int) longest.toMillis()).setIdleTimeoutUnit(TimeUnit.MILLISECONDS);
        return options;
    }

    /**
     * Watches a connection that has been made.
     *
     * @param backend what serves it; behind a pooler that is not what it was told, and it cannot be found again
     */
    void watch(SocketConnectionBase connection, int backend) {
        ChannelPipeline pipeline = connection.socket().channelHandlerContext().pipeline();
        if (pipeline.get(IdleStateHandler.class) != null) {
            pipeline.remove(IdleStateHandler.class);
        }
        if (connection.getProcessId() == backend) {
            Watched watched = new Watched(connection);
            open.add(watched);
            pipeline.addFirst(watched);
        }
    }

    private void look() {
        if (asking || open.stream().noneMatch(Watched::silent)) {
            return;
        }
        asking = true;
        List<Watched> asked = List.copyOf(open);
        asker.query(BACKENDS.text()).execute().onComplete(answer -> answered(asked, answer));
    }

    private void answered(List<Watched> asked, AsyncResult<RowSet<Row>> answer) {
        asking = false;
        if (answer.failed()) {
            LOG.debugf("the server cannot be asked for lost connections: %s", answer.cause());
            return;
        }
        Set<Integer> backends = new HashSet<>();
        answer.result().forEach(row -> backends.add(row.getInteger(0)));
        List<Watched> lost = asked.stream()
                .filter(watched -> !backends.contains(watched.connection.getProcessId()) && open.contains(watched))
                .toList();
        if (!lost.isEmpty()) {
            LOG.warnf("connections=%d are given up, whose other end is gone", lost.size());
            lost.forEach(watched -> watched.connection.socket().close());
        }
    }

    /**
     * @param handshake how long a new connection may take to say the next thing, until it is used
     * @param silence how long an answer may take before the server is asked
     * @param interval how often connections are looked at
     */
    record Limits(Duration handshake, Duration silence, Duration interval) {}

    /** Notes when something passes. */
    private final class Watched extends ChannelDuplexHandler {

        private final SocketConnectionBase connection;
        private volatile long received = System.nanoTime();

        /** The first since it has received anything. */
        private volatile long sent = received;

        Watched(SocketConnectionBase connection) {
            this.connection = connection;
        }

        /** Whether it owes an answer for long. */
        boolean silent() {
            return owes() && System.nanoTime() - sent > limits.silence().toNanos();
        }

        private boolean owes() {
            return sent - received > 0;
        }

        @Override
        public void write(ChannelHandlerContext context, Object message, ChannelPromise written) throws Exception {
            sent = owes() ? sent : System.nanoTime();
            super.write(context, message, written);
        }

        @Override
        public void channelRead(ChannelHandlerContext context, Object message) throws Exception {
            received = System.nanoTime();
            super.channelRead(context, message);
        }

        @Override
        public void channelInactive(ChannelHandlerContext context) throws Exception {
            open.remove(this);
            super.channelInactive(context);
        }
    }
}
