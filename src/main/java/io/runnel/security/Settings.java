package io.runnel.security;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;

/** What a person configures. */
@ConfigMapping(prefix = "runnel.security")
interface Settings {

    /** On where there are keys or an issuer of tokens, off on loopback without them; false switches it off. */
    Optional<Boolean> enabled();

    /** Lines {@code name role database-role sha256}, separated by semicolons. */
    Optional<String> keys();

    /** A file of such lines. */
    Optional<Path> keysFile();

    /** How often the file is looked at. */
    @WithDefault("5s")
    Duration keysInterval();

    /** Lines {@code claim role database-role}, separated by semicolons; the first that a token has counts. */
    Optional<String> oidcRoles();
}
