package io.runnel.refresh.random;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.jspecify.annotations.Nullable;

/**
 * Random choices that are remembered, so that what was made of them can be made again, or of fewer and smaller ones. Zero
 * is the simplest choice everywhere, and what is chosen when no choices are left.
 */
final class Dice {

    private final @Nullable Random random;

    private final List<Integer> choices;
    private int next;
    private int names;

    Dice(long seed) {
        random = new Random(seed * 0x9E3779B97F4A7C15L);
        choices = new ArrayList<>();
    }

    /** Chooses as told. */
    Dice(List<Integer> choices) {
        random = null;
        this.choices = List.copyOf(choices);
    }

    /** All choices so far. */
    List<Integer> choices() {
        return List.copyOf(choices);
    }

    /** From 0 to below {@code bound}. */
    int below(int bound) {
        if (random == null) {
            return next < choices.size() ? choices.get(next++) % bound : 0;
        }
        int choice = random.nextInt(bound);
        choices.add(choice);
        return choice;
    }

    /** True once in {@code times}. */
    boolean once(int times) {
        return below(times) == times - 1;
    }

    <T> T of(List<T> choices) {
        return choices.get(below(choices.size()));
    }

    String text(String... choices) {
        return choices[below(choices.length)];
    }

    /** Another number each time. */
    int fresh() {
        return names++;
    }

    String value(Kind kind) {
        return of(kind.values);
    }
}
