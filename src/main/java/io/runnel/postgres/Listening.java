package io.runnel.postgres;

/**
 * Event: notifications arrive from now on, or do not any more. With the listener's session its locks are gone, those by which
 * writers know that they have to notify.
 */
public record Listening(boolean connected) {}
