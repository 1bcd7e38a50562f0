package io.runnel.rows;

import io.runnel.sql.Identifier;
import io.runnel.sql.QualifiedName;
import java.util.Optional;

/**
 * A column of a read model.
 *
 * @param type its type without modifiers, so that a value is compared as it was given
 * @param nullable whether nothing forbids nulls in it
 * @param inDefinition its name in the view that has the rows as they ought to be now
 */
public record Column(Identifier name, QualifiedName type, boolean nullable, Optional<Identifier> inDefinition) {}
