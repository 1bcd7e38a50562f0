package io.runnel.refresh.random;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/**
 * Makes a scenario that fails as small as it gets while it fails in the same way: fewer steps, simpler queries, fewer
 * statements. A query is made again of fewer and smaller choices, so that it is always one of the grammar.
 */
final class Shrinker {

    /** Runs a scenario: what is wrong in it, or an empty text. */
    interface Trial {

        String run(Scenario scenario) throws Throwable;
    }

    private final Trial trial;
    private final String kind;
    private final int trialsMax;
    private final Map<String, Boolean> known = new HashMap<>();
    private Scenario smallest;
    private int trials;

    private Shrinker(Trial trial, Scenario failing, String kind, int trialsMax) {
        this.trial = trial;
        this.smallest = failing;
        this.kind = kind;
        this.trialsMax = trialsMax;
    }

    /**
     * The smallest scenario found that fails like this one, which may be this one.
     *
     * @param trialsMax how many others are run at most
     */
    static Scenario shrink(Scenario failing, Trial trial, int trialsMax) throws Throwable {
        String kind = trial.run(failing);
        Shrinker shrinker = new Shrinker(trial, failing, kind, trialsMax);
        if (kind.isEmpty()) {
            return failing;
        }
        int size;
        do {
            size = shrinker.smallest.toString().length();
            shrinker.round();
        } while (shrinker.smallest.toString().length() < size && shrinker.trials < trialsMax);
        return shrinker.smallest;
    }

    private void round() throws Throwable {
        list(smallest.steps(), smallest::with);
        list(smallest.initial(), fewer -> new Scenario(smallest.batch(), smallest.top(), fewer, smallest.steps()));
        for (Definition definition : smallest.batch().below(smallest.top())) {
            query(definition.number());
        }
        for (int i = 0; i < smallest.steps().size(); i++) {
            int at = i;
            if (smallest.steps().get(i) instanceof Step.Transaction transaction) {
                list(transaction.statements(), fewer -> {
                    List<Step> steps = new ArrayList<>(smallest.steps());
                    steps.set(at, new Step.Transaction(fewer, transaction.undone()));
                    return smallest.with(steps);
                });
            }
        }
    }

    /** Leaves out ever smaller parts of a list. */
    private <T> void list(List<T> whole, Function<List<T>, Scenario> with) throws Throwable {
        List<T> rest = new ArrayList<>(whole);
        for (int size = Math.max(1, rest.size() / 2); size > 0; size /= 2) {
            for (int end = rest.size(); end > 0; end -= size) {
                List<T> fewer = new ArrayList<>(rest);
                fewer.subList(Math.max(0, end - size), end).clear();
                if (fails(with.apply(fewer))) {
                    rest = fewer;
                }
            }
        }
    }

    private void query(int number) throws Throwable {
        List<Integer> choices = new ArrayList<>(choices(number));
        for (int size = Math.max(1, choices.size() / 2); size > 0; size /= 2) {
            for (int end = choices.size(); end > 0; end -= size) {
                List<Integer> fewer = new ArrayList<>(choices);
                fewer.subList(Math.max(0, Math.min(end, fewer.size()) - size), Math.min(end, fewer.size()))
                        .clear();
                if (fails(made(number, fewer))) {
                    choices = fewer;
                }
            }
        }
        for (int i = 0; i < choices.size(); i++) {
            for (int smaller = 0; smaller < choices.get(i); smaller = 2 * smaller + 1) {
                List<Integer> others = new ArrayList<>(choices);
                others.set(i, smaller);
                if (fails(made(number, others))) {
                    choices = others;
                }
            }
        }
    }

    private List<Integer> choices(int number) {
        return smallest.batch().definitions().stream()
                .filter(definition -> definition.number() == number)
                .findFirst()
                .map(Definition::choices)
                .orElse(List.of());
    }

    /** The scenario with one query made of other choices, and those that read it accordingly. */
    private Scenario made(int number, List<Integer> choices) {
        RandomBatch batch = new RandomBatch(smallest.batch().schema());
        Definition top = smallest.top();
        for (Definition definition : smallest.batch().definitions()) {
            Definition again =
                    batch.add(definition.number(), definition.number() == number ? choices : definition.choices());
            if (definition.equals(top)) {
                top = again;
            }
        }
        return new Scenario(batch, top, smallest.initial(), smallest.steps());
    }

    /** Whether it is smaller and fails likewise; then it is the smallest so far. */
    private boolean fails(Scenario candidate) throws Throwable {
        String text = candidate.toString();
        int more = text.length() - smallest.toString().length();
        if (more > 0 || (more == 0 && !text.equals(smallest.toString()))) {
            return false;
        }
        boolean fails = more == 0 || known(text, candidate);
        if (fails) {
            smallest = candidate;
        }
        return fails;
    }

    private boolean known(String text, Scenario candidate) throws Throwable {
        Boolean before = known.get(text);
        if (before != null) {
            return before;
        }
        if (trials++ >= trialsMax) {
            return false;
        }
        boolean fails = trial.run(candidate).equals(kind);
        known.put(text, fails);
        return fails;
    }
}
