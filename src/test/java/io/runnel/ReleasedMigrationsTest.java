package io.runnel;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/**
 * A database that was migrated by a released version is not migrated on if a migration is another one since. {@code
 * released-migrations.txt} has what {@code sha256sum} says of those that were released; new ones are added when they are.
 */
class ReleasedMigrationsTest {

    private static final Path MIGRATIONS = Path.of("src/main/resources/db/migration");
    private static final Path RELEASED = Path.of("src/test/resources/released-migrations.txt");

    @Test
    void released_migrations_are_what_they_were() throws IOException {
        Map<String, String> released = released();
        assertThat(released).hasSizeGreaterThanOrEqualTo(15);
        released.forEach((file, hash) -> assertThat(hash(MIGRATIONS.resolve(file)))
                .as("%s was released; put what is to change into a new migration", file)
                .isEqualTo(hash));
    }

    @Test
    void new_migrations_come_after_released_ones() throws IOException {
        Map<String, String> released = released();
        int last = released.keySet().stream()
                .mapToInt(ReleasedMigrationsTest::version)
                .max()
                .orElseThrow();
        try (Stream<Path> files = Files.list(MIGRATIONS)) {
            List<String> fresh = files.map(file -> file.getFileName().toString())
                    .filter(name -> name.startsWith("V") && !released.containsKey(name))
                    .toList();
            assertThat(fresh).allMatch(name -> version(name) > last);
        }
    }

    private static Map<String, String> released() throws IOException {
        Map<String, String> released = new LinkedHashMap<>();
        for (String line : Files.readAllLines(RELEASED)) {
            String[] parts = line.split(" +", 2);
            released.put(parts[1], parts[0]);
        }
        return released;
    }

    private static int version(String file) {
        return Integer.parseInt(file.substring(1, file.indexOf("__")));
    }

    private static String hash(Path file) {
        try {
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            String text = Files.readString(file, StandardCharsets.UTF_8);
            return HexFormat.of().formatHex(digest.digest(text.getBytes(StandardCharsets.UTF_8)));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (NoSuchAlgorithmException impossible) {
            throw new IllegalStateException(impossible);
        }
    }
}
