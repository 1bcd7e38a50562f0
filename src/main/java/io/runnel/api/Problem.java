package io.runnel.api;

import com.fasterxml.jackson.annotation.JsonInclude;
import io.runnel.postgres.Failure;
import jakarta.ws.rs.core.Response;
import java.util.UUID;
import org.eclipse.microprofile.openapi.annotations.media.Schema;
import org.jspecify.annotations.Nullable;

/**
 * What the API answers instead of what was asked for: problem details as in RFC 9457. The type is always
 * {@code about:blank}, so the title is the phrase of the status; {@code code} tells problems apart.
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
@Schema(description = "Problem details (RFC 9457)")
record Problem(
        String type,
        String title,
        int status,

        @Schema(description = "Stable, in lower case with hyphens", examples = "not-differential")
        String code,

        String detail,
        @Schema(description = "What to do") @Nullable String hint,

        @Schema(description = "Offset in characters, from 1, into the query as given") @Nullable
        Integer position,

        @Schema(description = "Of a version-conflict: the version that the entity has") @Nullable
        Long actualVersion,

        @Schema(description = "Names this occurrence in the log of the service") @Nullable
        String instance) {

    static final String MEDIA_TYPE = "application/problem+json";

    private static final String INTERNAL = "internal";
    private static final String SEE_LOG = "the log of the service tells more under this instance";

    static Problem of(Response.StatusType status, String code, String detail, String hint) {
        return problem(status, code, detail, hint, null, null);
    }

    static Problem of(Failure failure) {
        Response.Status status = status(failure);
        Integer position = failure.position().isPresent() ? failure.position().getAsInt() : null;
        return problem(
                status,
                failure.code(),
                detail(failure),
                failure.hint(),
                position,
                failure instanceof Failure.Internal ? newInstance() : null);
    }

    /** For what nobody foresaw: says nothing but where to find out. */
    static Problem unforeseen() {
        return problem(
                Response.Status.INTERNAL_SERVER_ERROR,
                INTERNAL,
                "the service failed in a way that it did not foresee",
                SEE_LOG,
                null,
                newInstance());
    }

    private static Response.Status status(Failure failure) {
        if (failure instanceof Failure.Invalid) {
            return Response.Status.BAD_REQUEST;
        } else if (failure instanceof Failure.Forbidden) {
            return Response.Status.FORBIDDEN;
        } else if (failure instanceof Failure.NotFound) {
            return Response.Status.NOT_FOUND;
        } else if (failure instanceof Failure.Conflict) {
            return Response.Status.CONFLICT;
        } else if (failure instanceof Failure.Unavailable) {
            return Response.Status.SERVICE_UNAVAILABLE;
        }
        return Response.Status.INTERNAL_SERVER_ERROR;
    }

    /** What went wrong on the way to the database, and in a defect, names hosts and internals: for the log only. */
    private static String detail(Failure failure) {
        boolean secret = failure instanceof Failure.Internal
                || (failure instanceof Failure.Unavailable && !failure.code().startsWith("postgres-"));
        return secret || failure.detail().isEmpty() ? failure.message() : failure.message() + ": " + failure.detail();
    }

    private static String newInstance() {
        return "urn:uuid:" + UUID.randomUUID();
    }

    private static Problem problem(
            Response.StatusType status,
            String code,
            String detail,
            String hint,
            @Nullable Integer position,
            @Nullable String instance) {
        return new Problem(
                "about:blank",
                status.getReasonPhrase(),
                status.getStatusCode(),
                code,
                detail,
                hint.isEmpty() ? null : hint,
                position,
                null,
                instance);
    }

    Problem withActualVersion(@Nullable Long version) {
        return new Problem(type, title, status, code, detail, hint, position, version, instance);
    }

    Response response() {
        return Response.status(status).type(MEDIA_TYPE).entity(this).build();
    }
}
