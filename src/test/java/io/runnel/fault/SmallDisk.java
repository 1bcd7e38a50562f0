package io.runnel.fault;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/** A small file system in memory, which can be filled to the last byte. Only who may mount has one. */
final class SmallDisk implements AutoCloseable {

    private static final String SIZE = "256m";
    private static final Path PLACE = Path.of("target", "faults", "disk").toAbsolutePath();
    private static final Path FILLING = PLACE.resolve("filling");
    private static final byte[] CHUNK = new byte[65_536];

    private SmallDisk() {}

    static Optional<SmallDisk> mount() throws Exception {
        Files.createDirectories(PLACE);
        boolean mounted = run("mount", "-t", "tmpfs", "-o", "size=" + SIZE, "runnel", PLACE.toString());
        return mounted ? Optional.of(new SmallDisk()) : Optional.empty();
    }

    /** An empty directory in it. */
    Path directory() throws IOException {
        return Files.createDirectories(PLACE.resolve("data"));
    }

    /** Leaves no room. */
    void fill() throws IOException {
        try (OutputStream filling = Files.newOutputStream(FILLING)) {
            for (int length = CHUNK.length; length > 0; ) {
                try {
                    filling.write(CHUNK, 0, length);
                } catch (IOException full) {
                    length /= 2;
                }
            }
        }
    }

    void free() throws IOException {
        Files.deleteIfExists(FILLING);
    }

    @Override
    public void close() throws Exception {
        run("umount", "-l", PLACE.toString());
    }

    private static boolean run(String... command) throws Exception {
        return new ProcessBuilder(command)
                        .redirectErrorStream(true)
                        .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                        .start()
                        .waitFor()
                == 0;
    }
}
