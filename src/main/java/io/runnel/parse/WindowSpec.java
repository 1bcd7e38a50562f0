package io.runnel.parse;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * What stands after OVER or in the WINDOW clause.
 *
 * @param base the name of another window, of which this one is a copy with additions
 * @param frame everything from ROWS, RANGE or GROUPS on
 */
record WindowSpec(Optional<Token> base, List<Scalar> partition, List<Scalar.Sort> order, Optional<Scalar> frame) {

    /** An item of the WINDOW clause, with its tokens. */
    record Named(Token name, WindowSpec spec, List<Token> tokens) {}

    WindowSpec {
        partition = List.copyOf(partition);
        order = List.copyOf(order);
    }

    static WindowSpec named(Token name) {
        return new WindowSpec(Optional.of(name), List.of(), List.of(), Optional.empty());
    }

    /** The window without the name of another one. */
    WindowSpec resolved(Map<String, WindowSpec> windows) {
        if (base.isEmpty()) {
            return this;
        }
        WindowSpec copied = windows.get(base.get().text());
        if (copied == null) {
            throw Refusal.notUnderstood(base.get());
        }
        return new WindowSpec(
                Optional.empty(),
                copied.partition,
                order.isEmpty() ? copied.order : order,
                frame.isPresent() ? frame : copied.frame);
    }

    Stream<Scalar> scalars() {
        return Stream.of(partition.stream(), order.stream().map(Scalar.Sort::expression), frame.stream())
                .flatMap(scalars -> scalars);
    }
}
