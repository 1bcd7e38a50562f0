package io.runnel.replica;

import static org.assertj.core.api.Assertions.assertThat;

import io.runnel.replica.Allocation.Link;
import io.runnel.replica.ReadModelKey.Kind;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

class AllocationTest {

    @Test
    void read_models_are_shared_out_evenly() {
        Map<ReadModelKey, String> given = Allocation.of(tables(10), List.of(), List.of("a", "b", "c"), Map.of());
        assertThat(given.keySet()).hasSize(10);
        assertThat(counts(given))
                .containsOnlyKeys("a", "b", "c")
                .allSatisfy((member, count) -> assertThat(count).isBetween(3, 4));
    }

    @Test
    void those_that_read_each_other_stay_together() {
        List<Link> chain = LongStream.range(1, 5000)
                .mapToObj(id -> new Link(table(id + 1), table(id)))
                .toList();
        Map<ReadModelKey, String> given = Allocation.of(tables(10_000), chain, List.of("a", "b"), Map.of());
        assertThat(LongStream.rangeClosed(1, 5000).mapToObj(id -> given.get(table(id))))
                .hasSize(5000)
                .containsOnly(given.get(table(1)));
        assertThat(counts(given)).containsEntry("a", 5000).containsEntry("b", 5000);
    }

    @Test
    void a_table_and_a_projection_of_the_same_number_are_two() {
        List<ReadModelKey> models = List.of(table(1), new ReadModelKey(Kind.PROJECTION, 1));
        assertThat(counts(Allocation.of(models, List.of(), List.of("a", "b"), Map.of())))
                .containsEntry("a", 1)
                .containsEntry("b", 1);
    }

    @Test
    void what_a_service_has_it_keeps_as_far_as_that_is_even() {
        Map<ReadModelKey, String> two = Allocation.of(tables(12), List.of(), List.of("a", "b"), Map.of());
        assertThat(Allocation.of(tables(12), List.of(), List.of("a", "b"), two)).isEqualTo(two);
        Map<ReadModelKey, String> three = Allocation.of(tables(12), List.of(), List.of("a", "b", "c"), two);
        assertThat(three.entrySet().stream().filter(entry -> !entry.getValue().equals(two.get(entry.getKey()))))
                .hasSize(4)
                .allMatch(entry -> entry.getValue().equals("c"));
        Map<ReadModelKey, String> again = Allocation.of(tables(12), List.of(), List.of("b", "c"), three);
        assertThat(again.entrySet().stream().filter(entry -> !entry.getValue().equals(three.get(entry.getKey()))))
                .hasSize(4)
                .allMatch(entry -> "a".equals(three.get(entry.getKey())));
    }

    @Test
    void nobody_gets_anything_where_nobody_is() {
        assertThat(Allocation.of(tables(3), List.of(), List.of(), Map.of(table(1), "a")))
                .isEmpty();
    }

    /** Whatever the graph and whoever had what: complete, together, and no two loads differ by more than the largest group. */
    @Test
    void any_graph_is_shared_out_completely_and_as_evenly_as_its_groups_allow() {
        Random random = new Random(7);
        int uneven = 0;
        for (int round = 0; round < 500; round++) {
            int count = 1 + random.nextInt(40);
            List<String> members = IntStream.rangeClosed(0, random.nextInt(5))
                    .mapToObj(number -> "m" + number)
                    .toList();
            List<Link> links = new ArrayList<>();
            for (int number = random.nextInt(count); number > 0; number--) {
                links.add(new Link(table(1 + random.nextInt(count)), table(1 + random.nextInt(count + 2))));
            }
            Map<ReadModelKey, String> before = new HashMap<>();
            tables(count).forEach(key -> before.put(key, "m" + random.nextInt(7)));
            Map<ReadModelKey, String> given = Allocation.of(tables(count), links, members, before);
            assertThat(given.keySet()).containsExactlyInAnyOrderElementsOf(tables(count));
            assertThat(links)
                    .filteredOn(link -> given.containsKey(link.read()))
                    .allMatch(link -> Objects.equals(given.get(link.reader()), given.get(link.read())));
            int largest = largestGroup(count, links);
            List<Integer> loads = members.stream()
                    .map(member -> counts(given).getOrDefault(member, 0))
                    .sorted()
                    .toList();
            int difference = loads.get(loads.size() - 1) - loads.get(0);
            assertThat(difference).isLessThanOrEqualTo(largest);
            uneven += difference > 1 ? 1 : 0;
        }
        assertThat(uneven).isGreaterThan(10);
    }

    /** By walking, unlike the code under test. */
    private static int largestGroup(int count, List<Link> links) {
        int largest = 0;
        for (long start = 1; start <= count; start++) {
            List<ReadModelKey> reached = new ArrayList<>(List.of(table(start)));
            for (int at = 0; at < reached.size(); at++) {
                ReadModelKey here = reached.get(at);
                for (Link link : links) {
                    ReadModelKey next = link.reader().equals(here)
                            ? link.read()
                            : link.read().equals(here) ? link.reader() : here;
                    if (next.id() <= count && !reached.contains(next)) {
                        reached.add(next);
                    }
                }
            }
            largest = Math.max(largest, reached.size());
        }
        return largest;
    }

    private static ReadModelKey table(long id) {
        return new ReadModelKey(Kind.STREAM_TABLE, id);
    }

    private static List<ReadModelKey> tables(int count) {
        return LongStream.rangeClosed(1, count).mapToObj(AllocationTest::table).toList();
    }

    private static Map<String, Integer> counts(Map<ReadModelKey, String> given) {
        Map<String, Integer> counts = new HashMap<>();
        given.values().forEach(member -> counts.merge(member, 1, Integer::sum));
        return counts;
    }
}
