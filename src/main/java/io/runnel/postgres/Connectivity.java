package io.runnel.postgres;

import jakarta.enterprise.context.ApplicationScoped;

/** What those who hold connections for good know about them; probes read it. Any thread may write and read. */
@ApplicationScoped
public class Connectivity {

    private volatile boolean listenerConnected;

    /** Whether notifications arrive; false until the first connection of the listener stands. */
    public boolean listenerConnected() {
        return listenerConnected;
    }

    public void listenerConnected(boolean connected) {
        listenerConnected = connected;
    }
}
