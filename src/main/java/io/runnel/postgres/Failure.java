package io.runnel.postgres;

import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;

/**
 * What Runnel reports when it cannot do what was asked: what failed, why, and what to do. The subclass fixes the HTTP
 * status and whether trying again can help.
 */
public abstract sealed class Failure extends RuntimeException {

    private static final long serialVersionUID = 1L;

    private final String code;
    private final String detail;
    private final String hint;
    private final int position;

    private Failure(String code, String message, String detail, String hint, int position, @Nullable Throwable cause) {
        super(message, cause);
        this.code = code;
        this.detail = detail;
        this.hint = hint;
        this.position = position;
    }

    /** What the log says of a failure: its message may quote the values of a row. */
    public static String inLog(@Nullable Throwable thrown) {
        return thrown instanceof Failure failure
                ? failure.code
                : String.valueOf(thrown == null ? null : thrown.getClass());
    }

    /** Stable, in lower case with hyphens. */
    public String code() {
        return code;
    }

    /** What failed, in lower case without a full stop. */
    public String message() {
        String message = getMessage();
        return message == null ? code : message;
    }

    /** Why; may be empty. */
    public String detail() {
        return detail;
    }

    /** What to do; may be empty. */
    public String hint() {
        return hint;
    }

    /** Offset in characters, from 1, into the query that was given. */
    public OptionalInt position() {
        return position > 0 ? OptionalInt.of(position) : OptionalInt.empty();
    }

    /** The input is wrong: 400, not to be repeated. */
    public static final class Invalid extends Failure {
        private static final long serialVersionUID = 1L;

        public Invalid(String code, String message, String detail, String hint, int position) {
            super(code, message, detail, hint, position, null);
        }

        public Invalid(String code, String message, String hint) {
            this(code, message, "", hint, 0);
        }
    }

    /** A right is missing: 403. */
    public static final class Forbidden extends Failure {
        private static final long serialVersionUID = 1L;

        public Forbidden(String code, String message, String detail, String hint) {
            super(code, message, detail, hint, 0, null);
        }
    }

    /** The named thing does not exist: 404. */
    public static final class NotFound extends Failure {
        private static final long serialVersionUID = 1L;

        public NotFound(String code, String message, String hint) {
            super(code, message, "", hint, 0, null);
        }
    }

    /** The request contradicts what is there: 409. */
    public static final class Conflict extends Failure {
        private static final long serialVersionUID = 1L;

        public Conflict(String code, String message, String detail, String hint) {
            super(code, message, detail, hint, 0, null);
        }
    }

    /** The database cannot be reached or is busy: 503, to be repeated. */
    public static final class Unavailable extends Failure {
        private static final long serialVersionUID = 1L;

        public Unavailable(String code, String message, String detail, Throwable cause) {
            super(code, message, detail, "try again", 0, cause);
        }

        public Unavailable(String code, String message, String hint) {
            super(code, message, "", hint, 0, null);
        }
    }

    /** A defect or a broken invariant: 500, never repeated, always visible. */
    public static final class Internal extends Failure {
        private static final long serialVersionUID = 1L;

        public Internal(String code, String message, String detail, String hint, @Nullable Throwable cause) {
            super(code, message, detail, hint, 0, cause);
        }
    }
}
