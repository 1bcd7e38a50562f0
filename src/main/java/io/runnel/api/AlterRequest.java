package io.runnel.api;

import jakarta.validation.constraints.DecimalMax;
import jakarta.validation.constraints.DecimalMin;
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
        String refreshMode,

        @Schema(description = "The share of its rows more of which no refresh changes without approval; 0 for no limit")
        @Nullable
        @DecimalMin(value = "0", message = "must be from 0 to 1")
        @DecimalMax(value = "1", message = "must be from 0 to 1")
        Double maxChangedShare) {}
