package io.runnel.refresh.random;

import java.util.ArrayList;
import java.util.List;

/** Stream tables that live at once, over one random schema, the first of them three levels deep. */
final class RandomBatch {

    /** Of how many stream tables each of the three levels consists. */
    private static final int LEVEL = 5;

    private static final int LEVELS = 3;
    private static final int ATTEMPTS_MAX = 60;
    private static final int FULL_EVERY = 15;

    private final RandomSchema schema;
    private final List<Definition> definitions = new ArrayList<>();

    RandomBatch(RandomSchema schema) {
        this.schema = schema;
    }

    RandomSchema schema() {
        return schema;
    }

    List<Definition> definitions() {
        return List.copyOf(definitions);
    }

    /** Adds the next one: the first of a few attempts that reads the level below, where it should. */
    void add(long seed, int number) {
        Definition definition = make(new Dice(seed), number);
        for (int i = 1; i < ATTEMPTS_MAX && !deep(definition); i++) {
            definition = make(new Dice(seed + i * 1_000_000_007L), number);
        }
        definitions.add(definition);
    }

    /** Adds the next one, made of these choices. */
    Definition add(int number, List<Integer> choices) {
        Definition definition = make(new Dice(choices), number);
        definitions.add(definition);
        return definition;
    }

    /** As much of this as the definition may read. */
    RandomBatch of(Definition top) {
        RandomBatch part = new RandomBatch(schema);
        part.definitions.addAll(definitions.subList(0, Math.min(definitions.indexOf(top), LEVEL * LEVELS)));
        part.definitions.add(top);
        return part;
    }

    static boolean full(int number) {
        return number % FULL_EVERY == FULL_EVERY - 1;
    }

    private Definition make(Dice dice, int number) {
        int level = definitions.size() < LEVEL * LEVELS ? 1 + definitions.size() / LEVEL : 0;
        List<Relation> below = definitions.stream()
                .filter(definition -> definition.level() > 0 && (level == 0 || definition.level() == level - 1))
                .map(Definition::relation)
                .toList();
        RandomQuery.Text query = full(number)
                ? RandomQuery.full(dice, schema, below)
                : level == 0 ? RandomQuery.differential(dice, schema, below) : RandomQuery.source(dice, schema, below);
        return new Definition(number, level, dice.choices(), query);
    }

    private boolean deep(Definition made) {
        return made.level() < 2
                || definitions.stream().anyMatch(other -> other.level() == made.level() - 1 && made.reads(other));
    }

    /** Those that the definition reads, directly or not, and itself, in the order in which they are refreshed. */
    List<Definition> below(Definition top) {
        List<Definition> needed = new ArrayList<>(List.of(top));
        for (int i = definitions.indexOf(top) - 1; i >= 0; i--) {
            Definition candidate = definitions.get(i);
            if (needed.stream().anyMatch(reader -> reader.reads(candidate))) {
                needed.add(0, candidate);
            }
        }
        return needed;
    }

    /** How many stream tables deep the deepest one is. */
    int depth(Definition top) {
        return 1
                + definitions.stream()
                        .limit(Math.max(0, definitions.indexOf(top)))
                        .filter(top::reads)
                        .mapToInt(this::depth)
                        .max()
                        .orElse(top.reads("random_stream") ? 1 : 0);
    }
}
