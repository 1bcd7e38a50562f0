package io.runnel.refresh;

/** Event: a refresh failed and was rolled back. */
public record RefreshFailed(String table, String code) {}
