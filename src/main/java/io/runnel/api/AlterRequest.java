package io.runnel.api;

import jakarta.validation.constraints.Size;
import org.eclipse.microprofile.openapi.annotations.media.Schema;
import org.jspecify.annotations.Nullable;

/** What to change about a stream table; what is absent stays as it is. */
@Schema(examples = """
        {"schedule": "30s"}""")
record AlterRequest(
        @Nullable @Size(max = CreateRequest.QUERY_CHARACTERS_MAX, message = "must not have more than {max} characters")
        String query,

        @Nullable String schedule,

        @Schema(description = "AUTO, DIFFERENTIAL or FULL") @Nullable
        String refreshMode) {}
