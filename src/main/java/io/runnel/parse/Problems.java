package io.runnel.parse;

import io.runnel.operator.Unsupported;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * Collects what has no delta rule. Owned by one parse.
 *
 * <p>Inside a view the position is that of the view's name in the query, because nobody sees the view's text.
 */
final class Problems {

    private final Set<Unsupported> found;
    private final Optional<Token> anchor;
    private final String suffix;

    Problems() {
        this(new LinkedHashSet<>(), Optional.empty(), "");
    }

    private Problems(Set<Unsupported> found, Optional<Token> anchor, String suffix) {
        this.found = found;
        this.anchor = anchor;
        this.suffix = suffix;
    }

    /** The problems inside the view that {@code token} names; they end up in the same list. */
    Problems inView(Token token, String view) {
        return anchor.isPresent() ? this : new Problems(found, Optional.of(token), " (in the view " + view + ")");
    }

    Unsupported add(String reason, Token token) {
        Token at = anchor.orElse(token);
        Unsupported problem = new Unsupported(reason + suffix, at.start(), at.text());
        found.add(problem);
        return problem;
    }

    /** Adds one that was found without knowing where the text comes from. */
    Unsupported add(Unsupported problem) {
        if (found.contains(problem)) {
            return problem;
        }
        Unsupported placed = anchor.map(
                        token -> new Unsupported(problem.reason() + suffix, token.start(), token.text()))
                .orElse(problem);
        found.add(placed);
        return placed;
    }

    /** All problems, each once, in order of their position. */
    List<Unsupported> all() {
        List<Unsupported> all = new ArrayList<>(found);
        all.sort(Comparator.comparingInt(Unsupported::position));
        return List.copyOf(all);
    }
}
