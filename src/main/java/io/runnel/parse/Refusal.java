package io.runnel.parse;

import io.runnel.operator.Unsupported;

/**
 * Ends the reading of a text whose structure is not understood. Never leaves this package: {@link Parser} turns it into
 * the value that it carries.
 */
final class Refusal extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final transient Unsupported reason;

    Refusal(String reason, Token token) {
        super(reason, null, false, false);
        this.reason = new Unsupported(reason, token.start(), token.text());
    }

    Refusal(Unsupported reason) {
        super(reason.reason(), null, false, false);
        this.reason = reason;
    }

    static Refusal notUnderstood(Token token) {
        String shown = token.kind() == Token.Kind.END ? "end of the query" : token.text();
        return new Refusal("this construct is not understood: " + Texts.shortened(shown), token);
    }

    Unsupported reason() {
        return reason;
    }
}
