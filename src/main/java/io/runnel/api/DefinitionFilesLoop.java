package io.runnel.api;

import io.quarkus.runtime.ShutdownEvent;
import io.quarkus.runtime.StartupEvent;
import io.runnel.postgres.EventLoop;
import io.runnel.postgres.Failure;
import io.smallrye.mutiny.Uni;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.eclipse.microprofile.config.inject.ConfigProperty;
import org.jboss.logging.Logger;

/**
 * Looks at the directory of definition files from time to time, and has it applied at the start, when it has changed, and as
 * long as something in it fails. A replica that sees no change does nothing, so one whose files are still those of before
 * does not take back what another has applied already. Confined to the event loop.
 */
@ApplicationScoped
class DefinitionFilesLoop {

    private static final Logger LOG = Logger.getLogger(DefinitionFilesLoop.class);

    private final EventLoop loop;
    private final DefinitionFiles files;
    private final DefinitionCatalog catalog;
    private final Settings settings;
    private Optional<DefinitionFiles.Contents> seen = Optional.empty();
    private boolean settled;
    private Set<DefinitionDocument.Trouble> told = Set.of();
    private volatile boolean stopped;

    DefinitionFilesLoop(
            EventLoop loop,
            DefinitionFiles files,
            DefinitionCatalog catalog,
            @ConfigProperty(name = "runnel.definitions.directory") Optional<String> directory,
            @ConfigProperty(name = "runnel.definitions.interval", defaultValue = "10s") Duration interval,
            @ConfigProperty(name = "runnel.definitions.prune", defaultValue = "false") boolean prune) {
        this.loop = loop;
        this.files = files;
        this.catalog = catalog;
        this.settings = new Settings(directory.map(Path::of), interval, prune);
    }

    Settings settings() {
        return settings;
    }

    void start(@Observes StartupEvent started) {
        settings.directory()
                .ifPresent(directory -> loop.run(() -> loop.repeat(
                        settings.interval(),
                        () -> !stopped,
                        () -> look(directory),
                        done -> {},
                        thrown -> LOG.warnf("the definition files are not applied: %s", thrown.getMessage()))));
    }

    void stop(@Observes ShutdownEvent stopping) {
        stopped = true;
    }

    private Uni<Void> look(Path directory) {
        return files.read(directory, seen)
                .flatMap(contents -> {
                    if (settled && seen.equals(Optional.of(contents))) {
                        return Uni.createFrom().voidItem();
                    }
                    return files.apply(contents, settings.prune())
                            .invoke(outcome -> {
                                seen = Optional.of(contents);
                                settled = outcome.held() && outcome.troubles().isEmpty();
                                tell(outcome.troubles());
                            })
                            .replaceWithVoid();
                })
                .onFailure(Failure.Invalid.class)
                .recoverWithUni(thrown -> unreadable((Failure) thrown));
    }

    private Uni<Void> unreadable(Failure failure) {
        List<DefinitionDocument.Trouble> troubles =
                List.of(new DefinitionDocument.Trouble(".", 0, Problem.of(failure)));
        settled = false;
        if (told.equals(Set.copyOf(troubles))) {
            return Uni.createFrom().voidItem();
        }
        tell(troubles);
        return catalog.replaceProblems(troubles);
    }

    /** What was said before is not said again. */
    private void tell(List<DefinitionDocument.Trouble> troubles) {
        troubles.stream()
                .filter(trouble -> !told.contains(trouble))
                .forEach(trouble -> LOG.warnf(
                        "definition not applied: file=%s document=%d code=%s detail=%s hint=%s",
                        trouble.file(),
                        trouble.number(),
                        trouble.problem().code(),
                        trouble.problem().detail(),
                        trouble.problem().hint()));
        told = new HashSet<>(troubles);
    }

    record Settings(Optional<Path> directory, Duration interval, boolean prune) {}
}
