package io.runnel.catalog;

import io.runnel.sql.QualifiedName;
import jakarta.persistence.Column;
import jakarta.persistence.Entity;
import jakarta.persistence.Id;
import jakarta.persistence.Table;
import java.time.Instant;
import java.util.Optional;
import org.hibernate.annotations.ColumnTransformer;
import org.jspecify.annotations.Nullable;

/**
 * A definition row: what people asked for ({@code query} to {@code reinitializeRequests}) and what the reconciler has
 * made of it. Read through Hibernate; what every refresh writes is in {@code frontier} instead.
 */
@Entity
@Table(schema = "runnel_internal", name = "stream_table")
public class StreamTable {

    static final String UNRECONCILED =
            "version <> reconciledVersion OR (wanted <> 'ACTIVE' AND wanted <> status AND status <> 'ERROR')";

    @Id
    long id;

    // The driver returns null for an oid.
    @ColumnTransformer(read = "(relation::bigint)")
    long relation;

    @Column(name = "schema_name")
    String schemaName = "";

    @Column(name = "table_name")
    String tableName = "";

    String owner = "";
    String query = "";

    @Column(name = "search_path")
    String searchPath = "";

    @Column(name = "time_zone")
    String timeZone = "";

    String schedule = "";

    @Column(name = "refresh_mode")
    String refreshMode = "";

    boolean initialize;
    String wanted = "";
    long version;

    @Column(name = "refresh_requests")
    long refreshRequests;

    @Column(name = "reinitialize_requests")
    long reinitializeRequests;

    @Column(name = "created_at")
    @Nullable
    Instant createdAt;

    @Column(name = "reconciled_version")
    long reconciledVersion;

    @Column(name = "reconciled_query")
    @Nullable
    String reconciledQuery;

    @Column(name = "reconciled_mode")
    @Nullable
    String reconciledMode;

    @Column(name = "wide_key")
    boolean wideKey;

    String status = "";

    @Column(name = "definition_view")
    @Nullable
    String definitionView;

    @Column(name = "effective_mode")
    @Nullable
    String effectiveMode;

    @Column(name = "full_reason")
    @Nullable
    String fullReason;

    @Column(name = "waits_for")
    @Nullable
    String waitsFor;

    public long id() {
        return id;
    }

    public long relation() {
        return relation;
    }

    public QualifiedName name() {
        return QualifiedName.of(schemaName, tableName);
    }

    public String owner() {
        return owner;
    }

    public String query() {
        return query;
    }

    public String searchPath() {
        return searchPath;
    }

    public String timeZone() {
        return timeZone;
    }

    public String schedule() {
        return schedule;
    }

    /** AUTO, DIFFERENTIAL or FULL. */
    public String refreshMode() {
        return refreshMode;
    }

    public boolean initialize() {
        return initialize;
    }

    /** ACTIVE, PAUSED or SUSPENDED: what a person asked for. */
    public String wanted() {
        return wanted;
    }

    public long version() {
        return version;
    }

    public long refreshRequests() {
        return refreshRequests;
    }

    public long reinitializeRequests() {
        return reinitializeRequests;
    }

    public long reconciledVersion() {
        return reconciledVersion;
    }

    /** Whether the definition view and all that follows from it are those of the query and mode asked for. */
    public boolean built() {
        return definitionView != null && query.equals(reconciledQuery) && refreshMode.equals(reconciledMode);
    }

    /** Whether values of the result's key have been longer than an entry of an index may be. */
    public boolean wideKey() {
        return wideKey;
    }

    /** Whether the database does not match the definition yet; {@link #UNRECONCILED} says the same in a query. */
    public boolean unreconciled() {
        return version != reconciledVersion
                || (!wanted.equals("ACTIVE") && !wanted.equals(status) && !status.equals("ERROR"));
    }

    public String status() {
        return status;
    }

    public Optional<QualifiedName> definitionView() {
        return Optional.ofNullable(definitionView).map(view -> QualifiedName.of("runnel_internal", view));
    }

    /** DIFFERENTIAL or FULL, once reconciled. */
    public Optional<String> effectiveMode() {
        return Optional.ofNullable(effectiveMode);
    }

    public Optional<String> fullReason() {
        return Optional.ofNullable(fullReason);
    }

    public Optional<String> waitsFor() {
        return Optional.ofNullable(waitsFor);
    }
}
