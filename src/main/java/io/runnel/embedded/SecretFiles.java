package io.runnel.embedded;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;

/** Settings that are secret may stand in files, as orchestrators hand them over. Read once, at the start. */
final class SecretFiles {

    private static final Map<String, String> FILES = Map.of(
            DatabaseSettings.DATABASE_URL, "DATABASE_URL_FILE", DatabaseSettings.PASSWORD, "DATABASE_PASSWORD_FILE");

    private SecretFiles() {}

    /**
     * The content of the file that a setting is in, without the line's end.
     *
     * @return empty if no file is named for it
     * @throws IllegalArgumentException if one is named and cannot be read, or is empty
     */
    static Optional<String> read(Function<String, Optional<String>> configured, String name) {
        return Optional.ofNullable(FILES.get(name))
                .flatMap(variable -> configured.apply(variable).map(path -> content(variable, path)));
    }

    private static String content(String variable, String path) {
        String content;
        try {
            content = Files.readString(Path.of(path), UTF_8).strip();
        } catch (IOException e) {
            throw new IllegalArgumentException(variable + " names a file that cannot be read: " + path, e);
        }
        if (content.isEmpty()) {
            throw new IllegalArgumentException(variable + " names a file that is empty: " + path);
        }
        return content;
    }
}
