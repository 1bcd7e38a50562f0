package io.runnel.projection;

/** Event: a batch of a projection was committed. */
public record EventsHandled(String projection, long events) {}
