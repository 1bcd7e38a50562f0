package io.runnel.embedded;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** A running PostgreSQL server, as its {@code postmaster.pid} describes it. */
record Postmaster(ProcessHandle process, int port) {
    private static final String FILE = "postmaster.pid";
    private static final int PID_LINE = 0;
    private static final int PORT_LINE = 3;
    private static final Duration STOP_WAIT_MAX = Duration.ofSeconds(20);

    /** The server that has this data directory open; removes a file that names a living process of another kind. */
    static Optional<Postmaster> of(Path dataDirectory) throws IOException {
        Path file = dataDirectory.resolve(FILE);
        List<String> lines = lines(file);
        if (lines.size() <= PORT_LINE) {
            return Optional.empty();
        }
        Optional<ProcessHandle> process =
                ProcessHandle.of(Long.parseLong(lines.get(PID_LINE).strip())).filter(ProcessHandle::isAlive);
        if (process.isPresent() && !serves(process.get(), dataDirectory)) {
            Files.deleteIfExists(file);
            return Optional.empty();
        }
        return process.map(handle ->
                new Postmaster(handle, Integer.parseInt(lines.get(PORT_LINE).strip())));
    }

    /** Stops the server; returns when it is gone. */
    void stop(Mode mode) throws IOException {
        // The shell has kill built in; small images do not have it as a program.
        new ProcessBuilder("sh", "-c", "kill -" + mode.signal + " " + process.pid()).start();
        try {
            process.onExit().get(STOP_WAIT_MAX.toMillis(), TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted while PostgreSQL stops, pid=" + process.pid(), e);
        } catch (ExecutionException | TimeoutException e) {
            throw new IOException("PostgreSQL does not stop, pid=" + process.pid() + " waited=" + STOP_WAIT_MAX, e);
        }
    }

    private static List<String> lines(Path file) throws IOException {
        try {
            return Files.readAllLines(file);
        } catch (NoSuchFileException e) {
            return List.of();
        }
    }

    /** Process ids are used again; where the system does not tell what a process is, the file is believed. */
    private static boolean serves(ProcessHandle process, Path dataDirectory) {
        return process.info()
                .arguments()
                .map(arguments -> Arrays.asList(arguments).contains(dataDirectory.toString()))
                .orElse(true);
    }

    /** How the sessions that are still open are treated, with the signal that says so. */
    enum Mode {
        /** Their transactions are rolled back. */
        FAST("INT"),
        /** Everything is dropped, and would be recovered at the next start. */
        IMMEDIATE("QUIT");

        private final String signal;

        Mode(String signal) {
            this.signal = signal;
        }
    }
}
