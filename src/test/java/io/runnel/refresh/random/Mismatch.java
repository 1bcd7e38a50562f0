package io.runnel.refresh.random;

/**
 * What is wrong with a stream table.
 *
 * @param kind the same for what has probably the same cause
 */
record Mismatch(String kind, String text) {

    static final String DIFFERENT = "contents-differ";

    @Override
    public String toString() {
        return kind + ": " + text;
    }
}
