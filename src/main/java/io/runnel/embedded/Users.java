package io.runnel.embedded;

import static java.nio.file.StandardOpenOption.CREATE;
import static java.nio.file.StandardOpenOption.READ;
import static java.nio.file.StandardOpenOption.WRITE;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.Path;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * The processes that use the embedded server in one directory, counted by file locks, which a killed process loses.
 *
 * <p>Confined to one thread at a time: the one that starts the application, and at the end the one that stops the server.
 */
final class Users {
    private static final Duration WAIT_MAX = Duration.ofSeconds(60);
    private static final Duration WAIT_STEP = Duration.ofMillis(50);

    private final Path directory;
    private final FileChannel channel;
    private @Nullable FileLock membership;

    Users(Path directory) throws IOException {
        this.directory = directory;
        this.channel = FileChannel.open(directory.resolve("users"), CREATE, READ, WRITE);
    }

    /** Keeps every other process from starting or stopping the server until the result is closed. */
    FileChannel exclusively() throws IOException {
        FileChannel starting = FileChannel.open(directory.resolve("starting"), CREATE, READ, WRITE);
        long deadline = System.nanoTime() + WAIT_MAX.toNanos();
        while (starting.tryLock() == null) {
            if (System.nanoTime() - deadline > 0) {
                starting.close();
                throw new IOException("another process has been starting or stopping PostgreSQL for " + WAIT_MAX
                        + " directory=" + directory);
            }
            sleep();
        }
        return starting;
    }

    /** Whether no other process uses the server. To be called exclusively, and not after {@link #join}. */
    boolean none() throws IOException {
        try (FileLock alone = channel.tryLock()) {
            return alone != null;
        }
    }

    void join() throws IOException {
        membership = channel.lock(0, Long.MAX_VALUE, true);
    }

    void leave() throws IOException {
        if (membership != null) {
            membership.release();
            membership = null;
        }
    }

    private static void sleep() throws IOException {
        try {
            Thread.sleep(WAIT_STEP.toMillis());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted while waiting for another process to start PostgreSQL", e);
        }
    }
}
