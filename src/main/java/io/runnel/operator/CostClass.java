package io.runnel.operator;

/** What the cost of an operator's delta grows with. */
public enum CostClass {
    NOTHING("nothing"),
    CHANGE("the change"),
    MATCHES("the change and the rows it is compared with; whole inputs where no index leads to these"),
    GROUP_STATE("the change, and one stored row per touched group"),
    GROUPS("the rows of touched groups, where a value cannot be followed"),
    PARTITIONS("the rows of touched partitions"),
    BOUNDARY("the change and the first rows kept; the input where too few remain"),
    MOMENTS("the change and the rows whose comparison has changed; all rows where no index leads to these"),
    CONSEQUENCES("the change and what follows from it in the recursion"),
    RECURSION("the change while rows only arrive, otherwise the recursion"),
    ALL("all rows of the input");

    private final String text;

    CostClass(String text) {
        this.text = text;
    }

    /** In words, for people. */
    public String text() {
        return text;
    }
}
