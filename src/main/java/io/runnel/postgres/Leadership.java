package io.runnel.postgres;

/**
 * Event: this process became, or ceased to be, the one that schedules. The lock behind it lives in the listener's
 * session, so it ends with the process or its connection, and another replica takes over.
 */
public record Leadership(boolean held) {}
