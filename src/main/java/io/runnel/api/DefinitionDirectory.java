package io.runnel.api;

import io.runnel.postgres.Failure;
import jakarta.ws.rs.core.Response;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.FileVisitOption;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.Collections;
import java.util.EnumSet;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * The definition files of a directory, read in one state of it.
 *
 * <p>Kubernetes changes all files of a mounted ConfigMap at once: they are links through {@code ..data}, a link to a hidden
 * directory that is put in place of the previous one. What begins with a dot is therefore not looked at, and when that link,
 * or one that is the directory itself, leads elsewhere after reading than before, everything is read again.
 *
 * @param texts of the files, by their path in the directory
 * @param troubles of files that cannot be read
 */
record DefinitionDirectory(SortedMap<String, String> texts, List<DefinitionDocument.Trouble> troubles) {

    static final int FILES_MAX = 10_000;
    static final long FILE_BYTES_MAX = 2_000_000;

    private static final int DEPTH_MAX = 16;
    private static final int READINGS_MAX = 5;

    DefinitionDirectory {
        texts = Collections.unmodifiableSortedMap(new TreeMap<>(texts));
        troubles = List.copyOf(troubles);
    }

    /** Blocks; not for an event loop. */
    static DefinitionDirectory read(Path root) {
        try {
            for (int reading = 0; reading < READINGS_MAX; reading++) {
                Path before = target(root);
                Reading files = new Reading(root);
                Files.walkFileTree(root, EnumSet.of(FileVisitOption.FOLLOW_LINKS), DEPTH_MAX, files);
                if (target(root).equals(before)) {
                    return new DefinitionDirectory(files.texts, files.troubles);
                }
            }
            throw new Failure.Unavailable(
                    "directory-changing", "the definition files change all the time", "wait until they do not");
        } catch (IOException unreadable) {
            throw new Failure.Invalid(
                    "unreadable-directory",
                    "the directory of definition files cannot be read: " + unreadable,
                    "mount it, or correct runnel.definitions.directory");
        }
    }

    private static Path target(Path root) throws IOException {
        Path data = root.resolve("..data");
        return (Files.exists(data) ? data : root).toRealPath();
    }

    private static final class Reading extends SimpleFileVisitor<Path> {

        private final Path root;
        private final SortedMap<String, String> texts = new TreeMap<>();
        private final List<DefinitionDocument.Trouble> troubles = new ArrayList<>();

        Reading(Path root) {
            this.root = root;
        }

        @Override
        public FileVisitResult preVisitDirectory(Path directory, BasicFileAttributes attributes) {
            return !directory.equals(root) && hidden(directory)
                    ? FileVisitResult.SKIP_SUBTREE
                    : FileVisitResult.CONTINUE;
        }

        @Override
        public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
            String name = file.toString();
            boolean definition = name.endsWith(".yaml") || name.endsWith(".yml") || name.endsWith(".sql");
            if (!definition || hidden(file)) {
                return FileVisitResult.CONTINUE;
            } else if (texts.size() + troubles.size() >= FILES_MAX) {
                throw new IOException("it has more than " + FILES_MAX + " files");
            } else if (attributes.size() > FILE_BYTES_MAX) {
                trouble(file, "the file has more than " + FILE_BYTES_MAX + " bytes", "divide it");
                return FileVisitResult.CONTINUE;
            }
            try {
                texts.put(root.relativize(file).toString(), Files.readString(file));
            } catch (CharacterCodingException invalid) {
                trouble(file, "the file is not UTF-8", "convert it");
            } catch (IOException unreadable) {
                trouble(file, "the file cannot be read: " + unreadable, "see who may read it");
            }
            return FileVisitResult.CONTINUE;
        }

        @Override
        public FileVisitResult visitFileFailed(Path file, IOException failure) throws IOException {
            if (file.equals(root)) {
                throw failure;
            } else if (!hidden(file)) {
                trouble(file, "the file cannot be read: " + failure, "see who may read it");
            }
            return FileVisitResult.CONTINUE;
        }

        private static boolean hidden(Path file) {
            return String.valueOf(file.getFileName()).startsWith(".");
        }

        private void trouble(Path file, String detail, String hint) {
            troubles.add(new DefinitionDocument.Trouble(
                    root.relativize(file).toString(),
                    0,
                    Problem.of(Response.Status.BAD_REQUEST, "unreadable-file", detail, hint)));
        }
    }
}
