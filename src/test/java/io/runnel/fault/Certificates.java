package io.runnel.fault;

import static java.nio.charset.StandardCharsets.US_ASCII;

import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.KeyStore;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;

/** A certificate authority, made by the JDK's own tool, and certificates that it has signed. */
final class Certificates {

    private static final String PASSWORD = "changeit";

    private final Path directory;
    private final Path store;

    Certificates(Path directory) throws Exception {
        this.directory = Files.createDirectories(directory);
        this.store = directory.resolve("store.p12");
        Files.deleteIfExists(store);
        tool("-genkeypair", "-alias", "authority", "-keyalg", "RSA", "-dname", "CN=authority", "-ext", "bc:c");
    }

    /** The certificate of the authority, in PEM. */
    Path authority() throws Exception {
        return pem(
                "authority.pem",
                "CERTIFICATE",
                keys().getCertificate("authority").getEncoded());
    }

    /** A certificate for a host, in PEM. */
    Path certificate(String host) throws Exception {
        tool(
                "-genkeypair",
                "-alias",
                host,
                "-keyalg",
                "RSA",
                "-dname",
                "CN=" + host,
                "-ext",
                "san=dns:" + host,
                "-signer",
                "authority");
        return pem(host + ".pem", "CERTIFICATE", keys().getCertificate(host).getEncoded());
    }

    /** The key of that host, in PEM, for its owner alone. */
    Path key(String host) throws Exception {
        Path file = pem(
                host + ".key",
                "PRIVATE KEY",
                keys().getKey(host, PASSWORD.toCharArray()).getEncoded());
        return Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-------"));
    }

    private KeyStore keys() throws Exception {
        KeyStore keys = KeyStore.getInstance("PKCS12");
        try (InputStream file = Files.newInputStream(store)) {
            keys.load(file, PASSWORD.toCharArray());
        }
        return keys;
    }

    private Path pem(String name, String title, byte[] content) throws Exception {
        Path file = directory.resolve(name);
        String text = "-----BEGIN " + title + "-----\n"
                + Base64.getMimeEncoder(64, new byte[] {'\n'}).encodeToString(content) + "\n-----END " + title
                + "-----\n";
        return Files.write(file, text.getBytes(US_ASCII)).toAbsolutePath();
    }

    private void tool(String... arguments) throws Exception {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "keytool").toString()));
        command.addAll(List.of(arguments));
        command.addAll(List.of(
                "-keystore", store.toString(), "-storetype", "PKCS12", "-storepass", PASSWORD, "-validity", "2"));
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String output = new String(process.getInputStream().readAllBytes(), US_ASCII);
        if (process.waitFor() != 0) {
            throw new IllegalStateException(command + ": " + output);
        }
    }
}
