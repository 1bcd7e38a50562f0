package io.runnel.security;

import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.PrivateKey;
import java.security.Signature;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.eclipse.microprofile.config.spi.ConfigSource;
import org.jspecify.annotations.Nullable;

/**
 * Those who call the service in tests: keys, and an issuer of tokens whose key is made anew for each run. All tests are such
 * callers, so that nothing works only where nobody asks who is there.
 */
public final class TestCallers implements ConfigSource {

    /** The role that stands for the service's own, so that a key may do what everybody could before. */
    private static final String SUPERUSER = "${quarkus.datasource.username:postgres}";

    private static final String PUBLIC = "runnel.test.issuer.public";
    private static final String PRIVATE = "runnel.test.issuer.private";

    /** Names of keys, and what they are good for. */
    private static final Map<String, String> GRANTS = grants();

    private final Map<String, String> properties;

    public TestCallers() {
        this.properties = Map.of(
                "runnel.security.keys",
                GRANTS.entrySet().stream()
                        .map(grant -> grant.getKey() + " " + grant.getValue() + " " + KeyRing.hash(key(grant.getKey())))
                        .collect(Collectors.joining(";")),
                "runnel.security.oidc-roles",
                "clerks viewer sec_reader; boards admin sec_owner",
                "quarkus.oidc.public-key",
                publicKey());
    }

    private static Map<String, String> grants() {
        Map<String, String> grants = new LinkedHashMap<>();
        grants.put("tests", "admin " + SUPERUSER);
        grants.put("any-viewer", "viewer " + SUPERUSER);
        grants.put("any-operator", "operator " + SUPERUSER);
        grants.put("owner", "admin sec_owner");
        grants.put("operator", "operator sec_owner");
        grants.put("reader", "viewer sec_reader");
        grants.put("stranger", "admin sec_stranger");
        grants.put("mallory", "admin mallory");
        grants.put("lost", "admin sec_missing");
        return grants;
    }

    /** The key of that name. */
    public static String key(String name) {
        return name + "-key-that-is-long-enough";
    }

    /** A token of somebody with that claim, or whatever claims there are. */
    static String token(String claims) throws GeneralSecurityException {
        String head = encoded("{\"alg\":\"RS256\",\"typ\":\"JWT\"}".getBytes(java.nio.charset.StandardCharsets.UTF_8));
        String body = encoded(claims.getBytes(java.nio.charset.StandardCharsets.UTF_8));
        PrivateKey key = KeyFactory.getInstance("RSA")
                .generatePrivate(new PKCS8EncodedKeySpec(Base64.getDecoder().decode(System.getProperty(PRIVATE))));
        Signature signature = Signature.getInstance("SHA256withRSA");
        signature.initSign(key);
        signature.update((head + "." + body).getBytes(java.nio.charset.StandardCharsets.UTF_8));
        return head + "." + body + "." + encoded(signature.sign());
    }

    private static String encoded(byte[] bytes) {
        return Base64.getUrlEncoder().withoutPadding().encodeToString(bytes);
    }

    /** Class loaders come and go; the pair stays in the properties of the system. */
    private static synchronized String publicKey() {
        if (System.getProperty(PUBLIC) == null) {
            try {
                KeyPairGenerator generator = KeyPairGenerator.getInstance("RSA");
                generator.initialize(2048);
                KeyPair pair = generator.generateKeyPair();
                System.setProperty(
                        PRIVATE,
                        Base64.getEncoder().encodeToString(pair.getPrivate().getEncoded()));
                System.setProperty(
                        PUBLIC,
                        Base64.getEncoder().encodeToString(pair.getPublic().getEncoded()));
            } catch (GeneralSecurityException e) {
                throw new IllegalStateException(e);
            }
        }
        return System.getProperty(PUBLIC);
    }

    @Override
    public Set<String> getPropertyNames() {
        return properties.keySet();
    }

    @Override
    public @Nullable String getValue(String name) {
        return properties.get(name);
    }

    @Override
    public String getName() {
        return "callers of the tests";
    }
}
