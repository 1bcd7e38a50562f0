package io.runnel.api;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.core.JsonLocation;
import com.fasterxml.jackson.databind.JsonMappingException;
import com.fasterxml.jackson.databind.exc.MismatchedInputException;
import com.fasterxml.jackson.databind.exc.UnrecognizedPropertyException;
import io.quarkus.security.AuthenticationFailedException;
import io.quarkus.security.ForbiddenException;
import io.quarkus.security.UnauthorizedException;
import io.runnel.postgres.Failure;
import io.runnel.security.Roles;
import jakarta.validation.ConstraintViolation;
import jakarta.validation.ConstraintViolationException;
import jakarta.validation.Path;
import jakarta.ws.rs.NotFoundException;
import jakarta.ws.rs.WebApplicationException;
import jakarta.ws.rs.core.HttpHeaders;
import jakarta.ws.rs.core.Response;
import java.util.Collection;
import java.util.Locale;
import java.util.stream.Collectors;
import org.jboss.logging.Logger;
import org.jboss.resteasy.reactive.server.ServerExceptionMapper;
import org.jspecify.annotations.Nullable;

/** Turns whatever a request ended in into a {@link Problem}. Here, and nowhere else, such failures are logged. */
class ProblemMappers {

    private static final Logger LOG = Logger.getLogger(ProblemMappers.class);
    private static final int RETRY_AFTER_SECONDS = 1;
    private static final String SEE_OPENAPI = "the resources and their bodies are described at /q/openapi";

    @ServerExceptionMapper
    Response failure(Failure failure) {
        Problem problem = Problem.of(failure);
        if (failure instanceof Failure.Internal) {
            LOG.errorf(placeOf(failure), "request failed: code=%s instance=%s", failure.code(), problem.instance());
        } else if (failure instanceof Failure.Unavailable) {
            LOG.warnf(
                    "request refused: code=%s message=%s detail=%s",
                    failure.code(), failure.message(), failure.code().startsWith("postgres-") ? "" : failure.detail());
            return Response.fromResponse(problem.response())
                    .header(HttpHeaders.RETRY_AFTER, RETRY_AFTER_SECONDS)
                    .build();
        }
        return problem.response();
    }

    /** The stack without what PostgreSQL has said, which may quote rows. */
    private static Throwable placeOf(Failure failure) {
        Throwable place = new IllegalStateException(failure.code());
        place.setStackTrace(failure.getStackTrace());
        return place;
    }

    @ServerExceptionMapper({UnauthorizedException.class, AuthenticationFailedException.class})
    Response unauthorized(SecurityException thrown) {
        Problem problem = Problem.of(
                Response.Status.UNAUTHORIZED,
                "unauthorized",
                thrown instanceof AuthenticationFailedException
                        ? "the key or token is not valid"
                        : "a key or token is missing",
                "send a key as X-API-Key, or a token as Authorization: Bearer");
        return Response.fromResponse(problem.response())
                .header(HttpHeaders.WWW_AUTHENTICATE, Roles.CHALLENGE)
                .build();
    }

    @ServerExceptionMapper
    Response forbidden(ForbiddenException thrown) {
        return Problem.of(
                        Response.Status.FORBIDDEN,
                        "forbidden",
                        "the caller's role is not allowed to do this",
                        "the README tells which role each request needs")
                .response();
    }

    @ServerExceptionMapper
    Response mismatch(MismatchedInputException mismatch) {
        return json(mismatch).response();
    }

    @ServerExceptionMapper
    Response violations(ConstraintViolationException violations) {
        String detail = violations.getConstraintViolations().stream()
                .map(ProblemMappers::violation)
                .sorted()
                .collect(Collectors.joining("; "));
        return Problem.of(Response.Status.BAD_REQUEST, "invalid-request", detail, SEE_OPENAPI)
                .response();
    }

    @ServerExceptionMapper
    Response http(WebApplicationException thrown) {
        Response response = thrown.getResponse();
        int status = response.getStatus();
        if (status < 400) {
            return response;
        } else if (thrown.getCause() instanceof JacksonException malformed) {
            return json(malformed).response();
        } else if (status >= 500) {
            return unforeseen(thrown);
        }
        Response.StatusType type = response.getStatusInfo();
        String code = type.getReasonPhrase().toLowerCase(Locale.ROOT).replaceAll("[^a-z]+", "-");
        Problem problem = Problem.of(type, code, detail(thrown), SEE_OPENAPI);
        Response.ResponseBuilder answer = Response.fromResponse(problem.response());
        Object allow = response.getHeaders().getFirst(HttpHeaders.ALLOW);
        return allow == null
                ? answer.build()
                : answer.header(HttpHeaders.ALLOW, allow).build();
    }

    @ServerExceptionMapper
    Response unforeseen(Throwable thrown) {
        Problem problem = Problem.unforeseen();
        LOG.errorf(thrown, "request failed: code=%s instance=%s", problem.code(), problem.instance());
        return problem.response();
    }

    private static String detail(WebApplicationException thrown) {
        return switch (thrown.getResponse().getStatus()) {
            case 404 -> thrown instanceof NotFoundException ? "there is no such resource" : "not found";
            case 405 -> "the resource has no such method";
            case 406 -> "the resource cannot be had in the accepted media types";
            case 415 -> "the body must be of type application/json";
            default -> thrown.getResponse().getStatusInfo().getReasonPhrase().toLowerCase(Locale.ROOT);
        };
    }

    private static String violation(ConstraintViolation<?> violation) {
        // The first two parts name the method and its parameter, which are ours.
        StringBuilder path = new StringBuilder();
        int index = 0;
        for (Path.Node node : violation.getPropertyPath()) {
            if (index++ >= 2) {
                // An element of a list is its index alone.
                String name = String.valueOf(node).replace("<list element>", "");
                path.append(path.isEmpty() || name.isEmpty() || name.startsWith("[") ? "" : ".")
                        .append(name);
            }
        }
        return (path.isEmpty() ? "body" : path) + " " + violation.getMessage();
    }

    /** Jackson's own messages name our classes. */
    static Problem json(JacksonException thrown) {
        String where = where(thrown.getLocation());
        if (thrown instanceof UnrecognizedPropertyException unknown) {
            return Problem.of(
                    Response.Status.BAD_REQUEST,
                    "unknown-property",
                    "unknown property " + path(unknown) + where,
                    "known are " + names(unknown.getKnownPropertyIds()));
        } else if (thrown instanceof JsonMappingException mapping
                && !mapping.getPath().isEmpty()) {
            return Problem.of(
                    Response.Status.BAD_REQUEST,
                    "wrong-type",
                    "property " + path(mapping) + " has a value of the wrong type" + where,
                    SEE_OPENAPI);
        } else if (thrown instanceof JsonMappingException
                && !thrown.getOriginalMessage().startsWith("Trailing token")) {
            return Problem.of(
                    Response.Status.BAD_REQUEST, "wrong-type", "the body must be a JSON object" + where, SEE_OPENAPI);
        }
        return Problem.of(
                Response.Status.BAD_REQUEST,
                "malformed-json",
                "the body is not valid JSON" + where + ": "
                        + thrown.getOriginalMessage()
                                .replaceFirst("(?s)(?<=^Trailing token).*| *\\((?:start marker|\\d+, from).*", ""),
                "send one JSON object");
    }

    private static String path(JsonMappingException mapping) {
        StringBuilder path = new StringBuilder();
        mapping.getPath().forEach(step -> {
            if (step.getFieldName() == null) {
                path.append('[').append(step.getIndex()).append(']');
            } else {
                path.append(path.isEmpty() ? "" : ".").append(step.getFieldName());
            }
        });
        return path.toString();
    }

    private static String names(@Nullable Collection<Object> names) {
        return names == null
                ? "none"
                : names.stream().map(String::valueOf).sorted().collect(Collectors.joining(", "));
    }

    private static String where(@Nullable JsonLocation location) {
        return location == null || location.getLineNr() < 1
                ? ""
                : " at line " + location.getLineNr() + ", column " + location.getColumnNr();
    }
}
