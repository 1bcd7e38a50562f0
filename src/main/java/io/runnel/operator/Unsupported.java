package io.runnel.operator;

/**
 * Why a query cannot be maintained incrementally.
 *
 * @param reason one sentence without a full stop, in the user's words: "LEFT JOIN has no delta rule yet"
 * @param position offset in characters, from 0, into the canonical text of the query; -1 where there is none
 * @param token the word at that position, by which it is found again in the text that the user wrote; may be empty
 */
public record Unsupported(String reason, int position, String token) {

    public static Unsupported of(String reason) {
        return new Unsupported(reason, -1, "");
    }
}
