package io.runnel.replica;

import java.util.Set;

/**
 * Event: what this process is to do from now on.
 *
 * @param serves whether it keeps anything fresh; not without a lease, nor without a connection that listens
 * @param leads whether it does what one service does for all, for instance keep fresh what nobody was given yet
 * @param shared whether there are other services
 * @param mine the read models that were given to it
 * @param others those that were given to others
 */
public record Share(boolean serves, boolean leads, boolean shared, Set<ReadModelKey> mine, Set<ReadModelKey> others) {

    public static final Share NOTHING = new Share(false, false, false, Set.of(), Set.of());

    public Share {
        mine = Set.copyOf(mine);
        others = Set.copyOf(others);
    }

    /** Whether this process keeps it fresh. */
    public boolean has(ReadModelKey.Kind kind, long id) {
        ReadModelKey key = new ReadModelKey(kind, id);
        return serves && (mine.contains(key) || (leads && !others.contains(key)));
    }
}
