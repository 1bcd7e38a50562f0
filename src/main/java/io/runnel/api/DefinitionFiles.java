package io.runnel.api;

import io.runnel.postgres.Database;
import io.runnel.postgres.Failure;
import io.runnel.security.Acting;
import io.runnel.sql.Sql;
import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.Uni;
import io.vertx.core.Vertx;
import jakarta.enterprise.context.ApplicationScoped;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.jboss.logging.Logger;

/**
 * Makes the definitions in the database be as the files of a directory say.
 *
 * <p>One pass applies every document that differs from what it has made before, one after another. What fails is tried again
 * as long as others succeed, so documents may stand in any order, and what fails still keeps nothing else from being
 * applied. Whoever holds the advisory lock does; the lock lives in a transaction that does nothing else, so it passes
 * poolers and ends with its holder. To lose it half-way does no harm, since each step can be repeated.
 *
 * <p>What a document has made, by its id, is remembered beside it. When the document is gone, what it has made is dropped if
 * that is wanted, but never on the word of a file that cannot be read, nor of a directory without any definition, which is
 * more likely a volume that was not mounted.
 */
@ApplicationScoped
class DefinitionFiles {

    /** How often a pass tries again what fails while others succeed; the next pass goes on. */
    static final int ROUNDS_MAX = 20;

    private static final Logger LOG = Logger.getLogger(DefinitionFiles.class);
    private static final Sql LOCK =
            Sql.of("SELECT pg_try_advisory_xact_lock(hashtextextended('runnel.definition_files', 0)) AS held");
    private static final Comparator<DefinitionDocument> EASIEST_FIRST = Comparator.comparing(DefinitionDocument::kind);
    private static final Comparator<DefinitionDocument.Key> HARDEST_FIRST =
            Comparator.comparing(DefinitionDocument.Key::kind).reversed();

    private final Vertx vertx;
    private final Database database;
    private final DefinitionReader reader;
    private final DefinitionCatalog catalog;
    private final DefinitionCommands commands;
    private final Acting acting;

    DefinitionFiles(
            Vertx vertx,
            Database database,
            DefinitionReader reader,
            DefinitionCatalog catalog,
            DefinitionCommands commands,
            Acting acting) {
        this.vertx = vertx;
        this.database = database;
        this.reader = reader;
        this.catalog = catalog;
        this.commands = commands;
        this.acting = acting;
    }

    /**
     * Reads a directory, away from the event loop.
     *
     * @param before what was read last; the same again if nothing has changed since
     */
    Uni<Contents> read(Path root, Optional<Contents> before) {
        return Uni.createFrom()
                .emitter(emitter -> vertx.executeBlocking(
                                () -> {
                                    DefinitionDirectory directory = DefinitionDirectory.read(root);
                                    return before.filter(
                                                    seen -> seen.directory().equals(directory))
                                            .orElseGet(() -> new Contents(
                                                    directory,
                                                    reader.read(directory).distinct()));
                                },
                                false)
                        .onComplete(emitter::complete, emitter::fail));
    }

    /** One pass. */
    Uni<Outcome> apply(Contents contents, boolean prune) {
        return acting.asService(() -> database.transaction(session -> session.one(LOCK)
                .flatMap(row -> row.orElseThrow().truth("held")
                        ? pass(contents.documents(), prune)
                        : Uni.createFrom().item(new Outcome(false, 0, 0, List.of())))));
    }

    private Uni<Outcome> pass(DefinitionReader.Documents documents, boolean prune) {
        return catalog.state().flatMap(state -> {
            List<DefinitionDocument> changed = documents.valid().stream()
                    .filter(document -> !settled(document, state))
                    .sorted(EASIEST_FIRST)
                    .toList();
            return rounds(changed, document -> apply(document, state), 1)
                    .flatMap(failed -> removed(documents, state, prune).flatMap(left -> {
                        List<DefinitionDocument.Trouble> troubles = new ArrayList<>(documents.troubles());
                        failed.forEach(one -> troubles.add(trouble(one.what(), one.problem())));
                        left.failed().forEach(one -> troubles.add(trouble(state, one)));
                        return moved(documents, state)
                                .flatMap(moved -> catalog.replaceProblems(troubles))
                                .replaceWith(
                                        new Outcome(true, changed.size() - failed.size(), left.dropped(), troubles));
                    }));
        });
    }

    private static boolean settled(DefinitionDocument document, DefinitionCatalog.State state) {
        return state.made(document.key())
                .filter(known -> known.content().equals(document.content()))
                .isPresent();
    }

    private Uni<Void> apply(DefinitionDocument document, DefinitionCatalog.State state) {
        return commands.apply(
                        document,
                        state.made(document.key()).map(DefinitionCatalog.Known::content),
                        state.exists(document.key()))
                .flatMap(applied -> catalog.record(document))
                .invoke(() -> LOG.infof(
                        "definition applied: file=%s document=%d kind=%s name=%s",
                        document.file(), document.number(), document.kind().title(), document.name()));
    }

    /** Does all there is to do, and what failed again as long as something else succeeded. */
    private <T> Uni<List<Failed<T>>> rounds(List<T> all, Function<T, Uni<Void>> work, int round) {
        return Multi.createFrom()
                .iterable(all)
                .onItem()
                .transformToUniAndConcatenate(one -> work.apply(one)
                        .replaceWith(List.<Failed<T>>of())
                        .onFailure()
                        .recoverWithItem(thrown -> List.of(new Failed<>(one, problem(thrown)))))
                .collect()
                .asList()
                .map(lists -> lists.stream().flatMap(List::stream).toList())
                .flatMap(failed -> failed.isEmpty() || failed.size() == all.size() || round >= ROUNDS_MAX
                        ? Uni.createFrom().item(failed)
                        : rounds(failed.stream().map(Failed::what).toList(), work, round + 1));
    }

    private static Problem problem(Throwable thrown) {
        if (thrown instanceof Failure failure && !(failure instanceof Failure.Internal)) {
            return Problem.of(failure);
        }
        Problem problem = Problem.unforeseen();
        LOG.errorf(thrown, "definition failed: code=%s instance=%s", problem.code(), problem.instance());
        return problem;
    }

    /** What came from documents that are gone. */
    private Uni<Removed> removed(DefinitionReader.Documents documents, DefinitionCatalog.State state, boolean prune) {
        Set<DefinitionDocument.Key> wanted =
                documents.valid().stream().map(DefinitionDocument::key).collect(Collectors.toSet());
        Set<String> unreadable = documents.troubles().stream()
                .map(DefinitionDocument.Trouble::file)
                .collect(Collectors.toSet());
        List<DefinitionDocument.Key> gone = state.known().entrySet().stream()
                .filter(row -> !wanted.contains(row.getKey())
                        && !unreadable.contains(row.getValue().file()))
                .map(java.util.Map.Entry::getKey)
                .sorted(HARDEST_FIRST)
                .toList();
        boolean dropping = prune && !wanted.isEmpty();
        return rounds(gone, key -> remove(key, state, dropping), 1)
                .map(failed -> new Removed(dropping ? gone.size() - failed.size() : 0, failed));
    }

    private Uni<Void> remove(DefinitionDocument.Key key, DefinitionCatalog.State state, boolean dropping) {
        if (state.made(key).isEmpty()) {
            return catalog.forget(key);
        } else if (!dropping) {
            return catalog.keep(key);
        }
        return commands.drop(key)
                .flatMap(dropped -> catalog.forget(key))
                .invoke(() -> LOG.infof(
                        "definition dropped, its document is gone: kind=%s name=%s",
                        key.kind().title(), key.name()));
    }

    /** Documents that changed nothing but their place. */
    private Uni<Void> moved(DefinitionReader.Documents documents, DefinitionCatalog.State state) {
        return Multi.createFrom()
                .iterable(documents.valid())
                .filter(document -> settled(document, state)
                        && state.made(document.key())
                                .filter(known -> !known.file().equals(document.file())
                                        || known.document() != document.number()
                                        || known.removedAt().isPresent())
                                .isPresent())
                .onItem()
                .transformToUniAndConcatenate(catalog::move)
                .collect()
                .last()
                .replaceWithVoid();
    }

    private static DefinitionDocument.Trouble trouble(DefinitionDocument document, Problem problem) {
        return new DefinitionDocument.Trouble(document.file(), document.number(), problem);
    }

    private static DefinitionDocument.Trouble trouble(
            DefinitionCatalog.State state, Failed<DefinitionDocument.Key> failed) {
        DefinitionCatalog.Known known =
                java.util.Objects.requireNonNull(state.known().get(failed.what()));
        return new DefinitionDocument.Trouble(known.file(), (int) known.document(), failed.problem());
    }

    /** A directory as it was read. */
    record Contents(DefinitionDirectory directory, DefinitionReader.Documents documents) {}

    /**
     * What a pass has done.
     *
     * @param held whether it was this process' turn; otherwise nothing was done
     */
    record Outcome(boolean held, int applied, int dropped, List<DefinitionDocument.Trouble> troubles) {}

    private record Failed<T>(T what, Problem problem) {}

    private record Removed(int dropped, List<Failed<DefinitionDocument.Key>> failed) {}
}
