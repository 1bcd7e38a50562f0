package io.runnel.refresh.random;

import java.util.List;
import java.util.Random;

/** Random choices. */
final class Dice {

    private final Random random;

    Dice(long seed) {
        random = new Random(seed * 0x9E3779B97F4A7C15L);
    }

    /** From 0 to below {@code bound}. */
    int below(int bound) {
        return random.nextInt(bound);
    }

    /** True once in {@code times}. */
    boolean once(int times) {
        return random.nextInt(times) == 0;
    }

    <T> T of(List<T> choices) {
        return choices.get(random.nextInt(choices.size()));
    }

    String text(String... choices) {
        return choices[random.nextInt(choices.length)];
    }

    String value(Kind kind) {
        return of(kind.values);
    }
}
