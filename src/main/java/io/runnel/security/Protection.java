package io.runnel.security;

import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.Optional;

/** Whether callers must show who they are, from the configuration alone. */
enum Protection {
    ON,
    OFF_ON_LOOPBACK,
    OFF_BY_CONFIGURATION,
    REFUSED;

    /**
     * @param enabled what the configuration says; empty for what is sensible
     * @param host to which the HTTP server is bound
     * @param callers whether keys or an issuer of tokens are configured
     */
    static Protection of(Optional<Boolean> enabled, String host, boolean callers) {
        if (enabled.isPresent() && !enabled.get()) {
            return OFF_BY_CONFIGURATION;
        } else if (callers) {
            return ON;
        } else if (enabled.isPresent() || !loopback(host)) {
            return REFUSED;
        }
        return OFF_ON_LOOPBACK;
    }

    /** A name that means nothing, or something elsewhere, is not this machine alone. */
    private static boolean loopback(String host) {
        try {
            return InetAddress.getByName(host).isLoopbackAddress();
        } catch (UnknownHostException unknown) {
            return false;
        }
    }
}
