package io.runnel.fault;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The packaged jar as a client: it starts neither a service nor a database. */
class CommandLineIT {

    private static String output = "";

    private static int run(String... arguments) throws Exception {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx64m",
                "-jar",
                System.getProperty("runnel.jar")));
        command.addAll(List.of(arguments));
        ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
        builder.environment().put("RUNNEL_URL", "http://localhost:1");
        builder.environment().remove("DATABASE_URL");
        Process process = builder.start();
        output = new String(process.getInputStream().readAllBytes(), UTF_8);
        return process.waitFor();
    }

    @Test
    void client_command_says_that_no_service_answers_and_starts_none() throws Exception {
        assertThat(run("list")).as(output).isEqualTo(4);
        assertThat(output).contains("no service answers").doesNotContain("Quarkus", "PostgreSQL", "\tat ");
        assertThat(run("--help")).isZero();
        assertThat(output).contains("Exit codes:", "diagnose");
        assertThat(run("nonsense")).isEqualTo(2);
    }
}
