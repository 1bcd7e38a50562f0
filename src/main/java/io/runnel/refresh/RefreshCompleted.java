package io.runnel.refresh;

/** Event: a refresh was committed. */
public record RefreshCompleted(String table, RefreshReport report) {}
