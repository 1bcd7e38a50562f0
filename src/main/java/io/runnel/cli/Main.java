package io.runnel.cli;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.quarkus.runtime.Quarkus;
import io.quarkus.runtime.annotations.QuarkusMain;
import java.io.PrintWriter;
import java.util.Map;
import picocli.CommandLine;

/** The entry of the program: with a command it is a client, without one the service. */
@QuarkusMain
public final class Main {

    /** Of the service, not of a client. */
    private static final String DEMO = "--demo";

    private Main() {}

    public static void main(String... arguments) {
        if (arguments.length == 0 || arguments[0].equals(DEMO)) {
            Quarkus.run(arguments);
        } else {
            System.exit(client(
                    System.getenv(),
                    new PrintWriter(System.out, true, UTF_8),
                    new PrintWriter(System.err, true, UTF_8),
                    arguments));
        }
    }

    /** @return the exit code */
    static int client(Map<String, String> environment, PrintWriter out, PrintWriter error, String... arguments) {
        return new CommandLine(new Runnel(environment, out))
                .setOut(out)
                .setErr(error)
                .setExecutionExceptionHandler((thrown, line, parsed) -> {
                    if (thrown instanceof Refused refused) {
                        error.println(refused.message());
                        return refused.exit();
                    }
                    throw thrown;
                })
                .execute(arguments);
    }
}
