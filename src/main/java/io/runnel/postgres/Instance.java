package io.runnel.postgres;

import jakarta.inject.Singleton;
import java.security.SecureRandom;
import java.util.HexFormat;

/** This process, as the database and the other services on it know it: another name each time it starts. */
@Singleton
public class Instance {

    private static final int BYTES = 6;
    private static final String APPLICATION = "runnel";

    /** PostgreSQL cuts longer names. */
    private static final int APPLICATION_NAME_MAX = 63;

    private final String id;

    Instance() {
        byte[] random = new byte[BYTES];
        new SecureRandom().nextBytes(random);
        id = HexFormat.of().formatHex(random);
    }

    public String id() {
        return id;
    }

    /** The application name by which the sessions of this process are told from others; {@code given} may be empty. */
    String applicationName(String given) {
        String suffix = " [" + id + "]";
        String name = given.isEmpty() ? APPLICATION : given;
        return name.substring(0, Math.min(name.length(), APPLICATION_NAME_MAX - suffix.length())) + suffix;
    }
}
