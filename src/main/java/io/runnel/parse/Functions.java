package io.runnel.parse;

import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;

/** Which function names are aggregates and which return sets. Names are compared as the catalogs hold them. */
record Functions(Set<String> aggregates, Set<String> setReturning) {

    /** Takes the names as PostgreSQL prints them: with their schema unless it is {@code pg_catalog}. */
    static Functions of(Set<String> aggregates, Set<String> setReturning) {
        return new Functions(normalised(aggregates), normalised(setReturning));
    }

    private static Set<String> normalised(Set<String> names) {
        return names.stream().map(name -> normalised(Lexer.tokens(name))).collect(Collectors.toUnmodifiableSet());
    }

    private static String normalised(List<Token> path) {
        return path.stream()
                .map(token -> token.isName() ? token.identifier().toString() : token.text())
                .collect(Collectors.joining());
    }

    boolean isAggregate(List<Token> path) {
        return aggregates.contains(normalised(path));
    }

    boolean isSetReturning(List<Token> path) {
        return setReturning.contains(normalised(path));
    }
}
