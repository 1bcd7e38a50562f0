package io.runnel.postgres;

/** Event: PostgreSQL delivered a notification. A hint; it may have been lost. */
public record Notification(String channel, String payload) {}
