package io.runnel.embedded;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.net.URLDecoder;
import java.net.URLEncoder;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * The address of one database, as libpq writes it: {@code postgres://user:password@host:port/database?parameters}.
 *
 * <p>Components are decoded. A missing host, port or database has libpq's default. The credentials are kept apart from the
 * addresses, so that those can be logged.
 */
record DatabaseUrl(
        String host,
        int port,
        String database,
        @Nullable String username,
        @Nullable String password,
        Map<String, String> parameters) {
    private static final int PORT_DEFAULT = 5432;
    private static final int PORT_MAX = 65535;

    private static final Pattern URL = Pattern.compile("(?:jdbc:|vertx-reactive:)?postgres(?:ql)?://"
            + "(?:(?<user>[^:/?#]*)(?::(?<password>[^/?#]*))?@)?"
            + "(?<host>\\[[^\\]]+\\]|[^:/?#@]*)(?::(?<port>[0-9]{1,5}))?"
            + "(?:/(?<database>[^?#]*))?(?:\\?(?<parameters>[^#]*))?");

    /** What the reactive driver understands; it sends the rest to the server, which would refuse the connection. */
    private static final Set<String> REACTIVE = Set.of("application_name", "options", "search_path", "sslmode");

    /** Parameters that libpq and the JDBC driver call by different names. */
    private static final Map<String, String> JDBC_NAMES = Map.of(
            "application_name", "ApplicationName",
            "channel_binding", "channelBinding",
            "connect_timeout", "connectTimeout",
            "search_path", "currentSchema");

    DatabaseUrl {
        parameters = Collections.unmodifiableMap(new TreeMap<>(parameters));
    }

    /**
     * Reads an address; a prefix that names one of the drivers is allowed.
     *
     * @throws IllegalArgumentException if it is not one; the message does not repeat it, because it may hold a password
     */
    static DatabaseUrl parse(String text) {
        Matcher url = URL.matcher(text.strip());
        if (!url.matches()) {
            throw invalid("it does not have the form postgres://user:password@host:port/database?parameters");
        }
        Map<String, String> parameters = parameters(url.group("parameters"));
        String user = first(decoded(url.group("user")), parameters.remove("user"));
        String password = first(decoded(url.group("password")), parameters.remove("password"));
        String host = first(decoded(url.group("host")), parameters.remove("host"));
        String port = first(url.group("port"), parameters.remove("port"));
        String database = first(decoded(url.group("database")), parameters.remove("dbname"));
        return new DatabaseUrl(
                host(host),
                port(port),
                Objects.requireNonNullElse(first(database, user), "postgres"),
                user,
                password,
                parameters);
    }

    DatabaseUrl withUsername(String name) {
        return new DatabaseUrl(host, port, database, name, password, parameters);
    }

    /** The address for the reactive driver, without credentials. */
    String reactive() {
        Map<String, String> understood = new LinkedHashMap<>(parameters);
        understood.keySet().retainAll(REACTIVE);
        return "postgresql://" + location(understood);
    }

    /** The address for the JDBC driver, without credentials. */
    String jdbc() {
        Map<String, String> renamed = new LinkedHashMap<>();
        parameters.forEach((name, value) -> renamed.put(JDBC_NAMES.getOrDefault(name, name), value));
        return "jdbc:postgresql://" + location(renamed);
    }

    /** What to type in order to connect; the password is left to be asked for. */
    String psql() {
        String user = username == null ? "" : encoded(username) + "@";
        return "psql postgresql://" + user + location(Map.of());
    }

    @Override
    public String toString() {
        return reactive();
    }

    private String location(Map<String, String> query) {
        return host
                + ":"
                + port
                + "/"
                + encoded(database)
                + query.entrySet().stream()
                        .map(entry -> encoded(entry.getKey()) + "=" + encoded(entry.getValue()))
                        .collect(Collectors.joining("&", query.isEmpty() ? "" : "?", ""));
    }

    private static String host(@Nullable String host) {
        if (host == null) {
            return "localhost";
        }
        if (host.startsWith("/")) {
            throw invalid("Unix sockets are not supported; name a host");
        }
        if (host.contains(",")) {
            throw invalid("it names several hosts; name the one that accepts writes");
        }
        return host;
    }

    private static int port(@Nullable String port) {
        if (port == null) {
            return PORT_DEFAULT;
        }
        int number = port.matches("[0-9]{1,5}") ? Integer.parseInt(port) : 0;
        if (number < 1 || number > PORT_MAX) {
            throw invalid("its port is not a number between 1 and 65535");
        }
        return number;
    }

    private static Map<String, String> parameters(@Nullable String query) {
        Map<String, String> parameters = new TreeMap<>();
        for (String pair : Objects.requireNonNullElse(query, "").split("&", -1)) {
            int equals = pair.indexOf('=');
            String value = decoded(pair.substring(equals + 1));
            if (equals > 0 && value != null) {
                parameters.put(pair.substring(0, equals), value);
            }
        }
        return parameters;
    }

    private static @Nullable String first(@Nullable String one, @Nullable String other) {
        return one != null ? one : other;
    }

    private static String encoded(String text) {
        return URLEncoder.encode(text, UTF_8).replace("+", "%20");
    }

    /** Percent-decoded, null if empty; a plus sign is a plus sign, unlike in a form. */
    private static @Nullable String decoded(@Nullable String text) {
        if (text == null || text.isEmpty()) {
            return null;
        }
        try {
            return URLDecoder.decode(text.replace("+", "%2B"), UTF_8);
        } catch (IllegalArgumentException e) {
            throw invalid("a percent sign is not followed by two hexadecimal digits; write a literal one as %25");
        }
    }

    private static IllegalArgumentException invalid(String reason) {
        return new IllegalArgumentException("database URL cannot be used: " + reason);
    }
}
