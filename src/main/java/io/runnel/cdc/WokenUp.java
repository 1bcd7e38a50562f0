package io.runnel.cdc;

/** An event: a writer announced changes of a source. */
public record WokenUp(int source) {}
