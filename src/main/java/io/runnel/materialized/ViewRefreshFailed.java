package io.runnel.materialized;

import io.runnel.sql.QualifiedName;

/**
 * Event: a refresh failed.
 *
 * @param code stable, in lower case with hyphens
 */
public record ViewRefreshFailed(QualifiedName view, String code) {}
