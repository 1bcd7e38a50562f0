package io.runnel.api;

import jakarta.validation.constraints.NotBlank;
import jakarta.validation.constraints.Size;
import org.eclipse.microprofile.openapi.annotations.media.Schema;

/** A query to be looked at. */
@Schema(examples = """
        {"query": "SELECT customer, sum(amount) AS total FROM orders GROUP BY customer"}""")
record ValidateRequest(
        @NotBlank @Size(max = CreateRequest.QUERY_CHARACTERS_MAX)
        String query) {}
