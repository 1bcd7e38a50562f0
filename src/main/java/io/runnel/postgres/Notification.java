package io.runnel.postgres;

import java.util.Optional;

/**
 * Event: PostgreSQL delivered a notification. A hint; it may have been lost.
 *
 * @param id what was notified about: a source, a definition, a log, by channel
 */
public record Notification(String channel, long id) {

    /** Empty for what no function of ours can have sent: anybody may notify on any channel, with any text. */
    static Optional<Notification> of(String channel, String payload) {
        try {
            return Optional.of(new Notification(channel, Long.parseLong(payload)));
        } catch (NumberFormatException notOurs) {
            return Optional.empty();
        }
    }
}
