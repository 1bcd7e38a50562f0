package io.runnel.security;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.quarkus.runtime.ShutdownEvent;
import io.quarkus.runtime.StartupEvent;
import io.quarkus.runtime.configuration.ConfigurationException;
import io.runnel.postgres.EventLoop;
import io.smallrye.mutiny.Uni;
import io.vertx.core.Vertx;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import org.jboss.logging.Logger;

/** The keys that are in force. Any thread may ask; the file is read by a worker. */
@ApplicationScoped
class KeyRing {

    /** Shorter ones could be guessed from their hashes. */
    static final int KEY_LENGTH_MIN = 24;

    /** Longer ones are not even hashed. */
    static final int KEY_LENGTH_MAX = 512;

    private static final Logger LOG = Logger.getLogger(KeyRing.class);

    private final Settings settings;
    private final EventLoop loop;
    private final Vertx vertx;
    private final Optional<Path> file;
    private final List<Grant> configured;
    private volatile List<Grant> read;
    private volatile boolean stopped;

    KeyRing(Settings settings, EventLoop loop, Vertx vertx) {
        this.settings = settings;
        this.loop = loop;
        this.vertx = vertx;
        this.file = settings.keysFile().filter(named -> settings.enabled().orElse(true));
        this.configured = settings.keys().map(KeyRing::configured).orElse(List.of());
        this.read = file.map(KeyRing::first).orElse(List.of());
    }

    /** At the start, what is wrong is a mistake to be told at once. */
    private static List<Grant> configured(String keys) {
        try {
            return Grant.keys(keys);
        } catch (IllegalArgumentException wrong) {
            throw new ConfigurationException("runnel.security.keys, " + wrong.getMessage(), wrong);
        }
    }

    private static List<Grant> first(Path file) {
        try {
            return read(file);
        } catch (IOException | IllegalArgumentException e) {
            throw new ConfigurationException("the keys in " + file + " cannot be used: " + e.getMessage(), e);
        }
    }

    private static List<Grant> read(Path file) throws IOException {
        return Grant.keys(Files.readString(file, UTF_8));
    }

    /** Whether there are keys, or will be: an empty file may be filled later. */
    boolean used() {
        return file.isPresent() || !configured.isEmpty();
    }

    /** What a key that was presented is good for. Takes as long for a wrong one as for a right one. */
    Optional<Grant> find(String key) {
        if (key.length() < KEY_LENGTH_MIN || key.length() > KEY_LENGTH_MAX) {
            return Optional.empty();
        }
        byte[] hash = hash(key).getBytes(UTF_8);
        List<Grant> grants = new ArrayList<>(read);
        grants.addAll(configured);
        Optional<Grant> found = Optional.empty();
        for (Grant grant : grants) {
            if (MessageDigest.isEqual(hash, grant.hash().getBytes(UTF_8))) {
                found = Optional.of(grant);
            }
        }
        return found;
    }

    static String hash(String key) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(key.getBytes(UTF_8)));
        } catch (NoSuchAlgorithmException impossible) {
            throw new IllegalStateException("every Java has SHA-256", impossible);
        }
    }

    void start(@Observes StartupEvent started) {
        file.ifPresent(named -> loop.run(() -> loop.repeat(
                settings.keysInterval(),
                () -> !stopped,
                () -> reread(named),
                this::renew,
                thrown -> LOG.warnf("the keys stay as they were: %s cannot be used: %s", named, thrown.getMessage()))));
    }

    void stop(@Observes ShutdownEvent stopping) {
        stopped = true;
    }

    private Uni<List<Grant>> reread(Path named) {
        return Uni.createFrom()
                .completionStage(
                        () -> vertx.executeBlocking(() -> read(named), false).toCompletionStage());
    }

    private void renew(List<Grant> grants) {
        if (!grants.equals(read)) {
            read = grants;
            LOG.infof("the keys were read again: keys=%d", grants.size());
        }
    }
}
