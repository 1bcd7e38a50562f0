package io.runnel.api;

import com.fasterxml.jackson.databind.JsonNode;
import io.runnel.sql.QualifiedName;

/**
 * One definition as it stands in a file.
 *
 * @param number of the document in its file, from 1
 * @param name {@code schema.table}, or the name of a projection
 * @param content all its properties but the kind
 * @param request the same, as the type that belongs to the kind
 */
record DefinitionDocument(String file, int number, DefinitionKind kind, String name, JsonNode content, Object request) {

    Key key() {
        return new Key(kind, name);
    }

    QualifiedName qualified() {
        return QualifiedName.parse(name);
    }

    /** What two documents cannot have in common. */
    record Key(DefinitionKind kind, String name) {}

    /** What is wrong with a document, or with a file before any of its documents is known: number 0. */
    record Trouble(String file, int number, Problem problem) {}
}
