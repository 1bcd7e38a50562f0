package io.runnel.replica;

import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Shares read models out evenly. Those that read each other stay together, because the order of their refreshes is decided in
 * one process; what a service has it keeps, as far as that is even. Pure.
 */
final class Allocation {

    /** One read model reads the other. */
    record Link(ReadModelKey reader, ReadModelKey read) {}

    private static final Comparator<ReadModelKey> ORDER =
            Comparator.comparing(ReadModelKey::kind).thenComparing(ReadModelKey::id);

    private final Map<ReadModelKey, ReadModelKey> parents = new HashMap<>();
    private final Map<String, Holder> holders = new LinkedHashMap<>();

    private Allocation() {}

    /**
     * Who gets which; none if there are no members.
     *
     * @param current who has which, also of those that are gone
     */
    static Map<ReadModelKey, String> of(
            Collection<ReadModelKey> models,
            Collection<Link> links,
            List<String> members,
            Map<ReadModelKey, String> current) {
        Map<ReadModelKey, String> given = new HashMap<>();
        if (members.isEmpty()) {
            return given;
        }
        Allocation allocation = new Allocation();
        members.forEach(member -> allocation.holders.put(member, new Holder(member)));
        int target = (models.size() + members.size() - 1) / members.size();
        allocation.fill(allocation.groups(models, links), current, target);
        allocation.even();
        allocation
                .holders
                .values()
                .forEach(holder -> holder.held.stream()
                        .flatMap(group -> group.models().stream())
                        .forEach(model -> given.put(model, holder.member)));
        return given;
    }

    private List<Group> groups(Collection<ReadModelKey> models, Collection<Link> links) {
        models.forEach(model -> parents.put(model, model));
        for (Link link : links) {
            if (parents.containsKey(link.reader()) && parents.containsKey(link.read())) {
                parents.put(root(link.reader()), root(link.read()));
            }
        }
        Map<ReadModelKey, Group> found = new HashMap<>();
        models.forEach(model -> found.computeIfAbsent(root(model), root -> new Group(new ArrayList<>()))
                .models()
                .add(model));
        found.values().forEach(group -> group.models().sort(ORDER));
        return found.values().stream()
                .sorted(Comparator.comparingInt((Group group) -> -group.models().size())
                        .thenComparing(group -> group.models().get(0), ORDER))
                .toList();
    }

    /** With path halving. */
    private ReadModelKey root(ReadModelKey model) {
        ReadModelKey at = model;
        while (!parent(at).equals(at)) {
            parents.put(at, parent(parent(at)));
            at = parent(at);
        }
        return at;
    }

    private ReadModelKey parent(ReadModelKey model) {
        return parents.getOrDefault(model, model);
    }

    /** Lets each keep what it has up to its share, and gives the rest to whoever has least. */
    private void fill(List<Group> all, Map<ReadModelKey, String> current, int target) {
        List<Group> rest = new ArrayList<>();
        for (Group group : all) {
            Optional.ofNullable(current.get(group.models().get(0)))
                    .flatMap(member -> Optional.ofNullable(holders.get(member)))
                    .filter(holder -> holder.load + group.weight() <= target)
                    .ifPresentOrElse(holder -> holder.take(group), () -> rest.add(group));
        }
        rest.forEach(group -> least().take(group));
    }

    /** Takes from whoever has most while that makes the difference smaller. */
    private void even() {
        while (true) {
            Holder most = holders.values().stream()
                    .max(Comparator.comparingInt(holder -> holder.load))
                    .orElseThrow();
            Holder least = least();
            int difference = most.load - least.load;
            Optional<Group> moved = most.held.stream()
                    .filter(group -> group.weight() < difference)
                    .min(Comparator.comparingInt(group -> Math.abs(difference - 2 * group.weight())));
            if (moved.isEmpty()) {
                return;
            }
            most.release(moved.get());
            least.take(moved.get());
        }
    }

    private Holder least() {
        return holders.values().stream()
                .min(Comparator.comparingInt(holder -> holder.load))
                .orElseThrow();
    }

    /** Read models that stay together. */
    private record Group(List<ReadModelKey> models) {
        int weight() {
            return models.size();
        }
    }

    private static final class Holder {
        final String member;
        final List<Group> held = new ArrayList<>();
        int load;

        Holder(String member) {
            this.member = member;
        }

        void take(Group group) {
            held.add(group);
            load += group.weight();
        }

        void release(Group group) {
            held.remove(group);
            load -= group.weight();
        }
    }
}
