package io.runnel.embedded;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Pattern;

/**
 * How to run the embedded server.
 *
 * @param directory what it keeps on disk; it belongs to the server alone
 * @param port where it listens, or {@link #ANY_PORT}; a server that is running already keeps its own
 * @param parameters server parameters that differ from the default
 */
record EmbeddedOptions(Path directory, int port, Map<String, String> parameters, Data data) {
    static final int ANY_PORT = 0;

    /** The parameters pass through a shell. */
    private static final Pattern PARAMETER = Pattern.compile("[a-z_.]+=[A-Za-z0-9_./:%-]*");

    EmbeddedOptions {
        directory = directory.toAbsolutePath().normalize();
        parameters = Map.copyOf(parameters);
    }

    /** Reads {@code name=value,…}. */
    static Map<String, String> parameters(String text) {
        Map<String, String> parameters = new TreeMap<>();
        Arrays.stream(text.split(",", -1))
                .map(String::strip)
                .filter(part -> !part.isEmpty())
                .forEach(part -> {
                    if (!PARAMETER.matcher(part).matches()) {
                        throw new IllegalArgumentException("runnel.embedded.parameters cannot be used: '" + part
                                + "' is not of the form name=value");
                    }
                    int equals = part.indexOf('=');
                    parameters.put(part.substring(0, equals), part.substring(equals + 1));
                });
        return parameters;
    }

    Path dataDirectory() {
        return directory.resolve("data");
    }

    /** What to do with the data of an earlier run. */
    enum Data {
        KEPT,
        FRESH
    }
}
