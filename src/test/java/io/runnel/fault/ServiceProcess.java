package io.runnel.fault;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.PrintWriter;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;

/** Runnel as people run it: the packaged jar in a process of its own. */
public final class ServiceProcess implements AutoCloseable {

    private static final Path OUTPUT = Path.of("target", "faults", "services");
    private static final String ADDRESS = "service:  ";
    private static final Duration REQUEST_TIMEOUT = Duration.ofSeconds(60);
    private static final HttpClient HTTP =
            HttpClient.newBuilder().connectTimeout(Duration.ofSeconds(5)).build();

    private final Process process;
    private final List<String> lines = new CopyOnWriteArrayList<>();

    private ServiceProcess(Process process) {
        this.process = process;
    }

    /** Starts a service on a database as its superuser and waits until it is ready. */
    public static ServiceProcess start(PostgresServer server, String database, String... properties)
            throws IOException {
        ServiceProcess service = launch(server.url("postgres", database), properties);
        service.awaitReady();
        return service;
    }

    /** Starts a service and does not wait. Every refresh is compared with its query before it commits. */
    static ServiceProcess launch(String databaseUrl, String... properties) throws IOException {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:TieredStopAtLevel=1",
                "-XX:+UseSerialGC",
                "-Xmx256m",
                "-Dquarkus.http.port=0",
                // A busy machine is no reason for a stack trace.
                "-Dquarkus.vertx.warning-exception-time=1H",
                "-Drunnel.refresh.verify=true"));
        for (String property : properties) {
            command.add("-D" + property);
        }
        command.addAll(List.of("-jar", System.getProperty("runnel.jar")));
        ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
        builder.environment().put("DATABASE_URL", databaseUrl);
        ServiceProcess service = new ServiceProcess(builder.start());
        Files.createDirectories(OUTPUT);
        Path file = OUTPUT.resolve(service.process.pid() + ".log");
        Thread reader = new Thread(() -> service.read(file), "service-output");
        reader.setDaemon(true);
        reader.start();
        return service;
    }

    public long pid() {
        return process.pid();
    }

    boolean alive() {
        return process.isAlive();
    }

    /** What it has printed so far. */
    List<String> lines() {
        return List.copyOf(lines);
    }

    void awaitLine(String part) {
        Await.until(
                () -> "'" + part + "' printed by " + pid(), () -> lines.stream().anyMatch(line -> line.contains(part)));
    }

    void awaitReady() {
        Await.until(() -> "service " + pid() + " ready: " + lines, () -> {
            if (!process.isAlive()) {
                throw new IOException("it ended with " + process.exitValue());
            }
            return get("/q/health/ready").statusCode() == 200;
        });
    }

    HttpResponse<String> get(String path) throws IOException, InterruptedException {
        return send("GET", path);
    }

    HttpResponse<String> getWithKey(String path, String key) throws IOException, InterruptedException {
        return HTTP.send(
                HttpRequest.newBuilder(URI.create(address() + path))
                        .header("X-API-Key", key)
                        .timeout(REQUEST_TIMEOUT)
                        .build(),
                HttpResponse.BodyHandlers.ofString());
    }

    HttpResponse<String> send(String method, String path) throws IOException, InterruptedException {
        return send(method, path, "");
    }

    HttpResponse<String> send(String method, String path, String body) throws IOException, InterruptedException {
        return HTTP.send(
                HttpRequest.newBuilder(URI.create(address() + path))
                        .method(method, HttpRequest.BodyPublishers.ofString(body))
                        .header("Content-Type", "application/json")
                        .timeout(REQUEST_TIMEOUT)
                        .build(),
                HttpResponse.BodyHandlers.ofString());
    }

    /** {@code kill -9}. */
    public void kill() throws InterruptedException {
        process.destroyForcibly();
        awaitExit();
    }

    /** {@code SIGSTOP}: it does nothing more, and keeps its connections. */
    void suspend() throws IOException, InterruptedException {
        signal("STOP");
    }

    /** {@code SIGCONT}. */
    void resume() throws IOException, InterruptedException {
        signal("CONT");
    }

    private void signal(String name) throws IOException, InterruptedException {
        new ProcessBuilder("kill", "-" + name, Long.toString(pid()))
                .inheritIO()
                .start()
                .waitFor();
    }

    /** {@code SIGTERM}. */
    void terminate() {
        process.destroy();
    }

    void awaitExit() throws InterruptedException {
        if (!process.waitFor(Await.WAIT_MAX.toSeconds(), TimeUnit.SECONDS)) {
            process.destroyForcibly();
            throw new AssertionError("service " + pid() + " does not end: " + lines);
        }
    }

    @Override
    public void close() throws InterruptedException {
        kill();
    }

    private String address() throws IOException {
        return lines.stream()
                .filter(line -> line.contains(ADDRESS))
                .map(line -> line.substring(line.indexOf(ADDRESS) + ADDRESS.length()))
                .findFirst()
                .orElseThrow(() -> new IOException("it has no address yet"));
    }

    private void read(Path file) {
        try (BufferedReader output = process.inputReader(UTF_8);
                PrintWriter copy = new PrintWriter(Files.newBufferedWriter(file))) {
            for (String line = output.readLine(); line != null; line = output.readLine()) {
                lines.add(line);
                copy.println(line);
                copy.flush();
            }
        } catch (IOException e) {
            lines.add("output ends: " + e);
        }
    }
}
