package io.runnel.fault;

import java.time.Duration;
import java.util.List;
import java.util.Optional;

/** What may happen to services and to their database. */
enum Fault {

    /** All connections end at once. */
    CUT(Duration.ZERO) {
        @Override
        AutoCloseable strike(Scene scene) {
            scene.struck().forEach(site -> site.proxy().cut());
            return () -> {};
        }
    },

    /** Nothing arrives, for longer than the listener and the server need to find out. */
    BLACKHOLE(Duration.ofSeconds(20)) {
        @Override
        AutoCloseable strike(Scene scene) {
            scene.struck().forEach(site -> site.proxy().blackhole());
            return scene::heal;
        }
    },

    /** Everything arrives later. */
    DELAY(Duration.ofSeconds(5)) {
        @Override
        AutoCloseable strike(Scene scene) {
            scene.struck().forEach(site -> site.proxy().delay(LATER));
            return scene::heal;
        }
    },

    /** All connections end, and there are no new ones. */
    REFUSAL(Duration.ofSeconds(15)) {
        @Override
        AutoCloseable strike(Scene scene) throws Exception {
            for (Site site : scene.struck()) {
                site.proxy().refuse();
            }
            return scene::heal;
        }
    },

    /** The services are stopped and go on later, as if nothing had been. */
    STANDSTILL(Duration.ofSeconds(8)) {
        @Override
        AutoCloseable strike(Scene scene) throws Exception {
            for (Site site : scene.struck()) {
                site.service().suspend();
            }
            return () -> {
                for (Site site : scene.struck()) {
                    site.service().resume();
                }
            };
        }
    },

    /** The database crashes, and is there again as soon as it has recovered. */
    RESTART(Duration.ZERO) {
        @Override
        AutoCloseable strike(Scene scene) throws Exception {
            scene.server().crash();
            scene.server().restart();
            return () -> {};
        }
    },

    /** Others take all connections that the database has. */
    STORM(Duration.ofSeconds(5)) {
        @Override
        AutoCloseable strike(Scene scene) {
            return new ConnectionStorm(scene.server().database("postgres", "crowd"));
        }
    },

    /** Nothing more can be written. */
    FULL_DISK(Duration.ofSeconds(5)) {
        @Override
        AutoCloseable strike(Scene scene) throws Exception {
            SmallDisk disk = scene.disk().orElseThrow();
            disk.fill();
            return disk::free;
        }
    };

    static final Duration LATER = Duration.ofMillis(200);

    private final Duration length;

    Fault(Duration length) {
        this.length = length;
    }

    /** Brings it about, until what is returned is closed. */
    abstract AutoCloseable strike(Scene scene) throws Exception;

    Duration length() {
        return length;
    }

    /**
     * Whether read models stay fresh meanwhile, though they may be later.
     *
     * @param partly whether there are services that it does not befall
     */
    boolean borne(boolean partly) {
        boolean ofDatabase = this == RESTART || this == FULL_DISK;
        return this == DELAY || this == STORM || partly && !ofDatabase && !length.isZero();
    }

    /** @param disk where the database is, if that can be filled */
    record Scene(PostgresServer server, List<Site> struck, Optional<SmallDisk> disk) {

        private void heal() throws Exception {
            for (Site site : struck) {
                site.proxy().heal();
            }
        }
    }
}
