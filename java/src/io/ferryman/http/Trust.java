package io.ferryman.http;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLSocketFactory;
import javax.net.ssl.TrustManager;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.X509TrustManager;

/**
 * Whom to trust: the authorities of the JVM, and those of files in PEM. They are read when the first
 * connection wants them, which takes a tenth of a second.
 */
final class Trust {
    private final Map<String, String> files = new LinkedHashMap<>();
    private SSLSocketFactory sockets;

    /** Takes the file of an option, which may be null, and those that the environment names. */
    Trust(Map<String, String> env, String caFile) {
        put("--ca", caFile);
        put("SSL_CERT_FILE", env.get("SSL_CERT_FILE"));
        put("REQUESTS_CA_BUNDLE", env.get("REQUESTS_CA_BUNDLE"));
    }

    private void put(String where, String file) {
        if (file != null && !file.isEmpty() && !files.containsValue(file)) {
            files.put(where, file);
        }
    }

    /**
     * Returns what makes TLS connections.
     *
     * @throws IllegalArgumentException if the authorities cannot be read
     */
    synchronized SSLSocketFactory sockets() {
        if (sockets == null) {
            try {
                sockets = context().getSocketFactory();
            } catch (GeneralSecurityException failure) {
                throw new IllegalArgumentException(
                        "the JVM's trusted authorities cannot be read: " + failure.getMessage());
            }
        }
        return sockets;
    }

    private SSLContext context() throws GeneralSecurityException {
        X509TrustManager jvm = manager(null);
        if (jvm.getAcceptedIssuers().length == 0) {
            throw new IllegalArgumentException(
                    "expected a trust store with authorities; found an empty one. A PKCS#12 file"
                            + " that is opened without its password looks empty: give"
                            + " -Djavax.net.ssl.trustStorePassword, or use a PEM file and --ca.");
        }
        if (files.isEmpty()) {
            return SSLContext.getDefault();
        }
        List<Certificate> all = new ArrayList<>(List.of(jvm.getAcceptedIssuers()));
        files.forEach((where, file) -> all.addAll(certificates(where, file)));
        try {
            KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
            store.load(null, null);
            for (int number = 0; number < all.size(); number++) {
                store.setCertificateEntry("authority-" + number, all.get(number));
            }
            SSLContext context = SSLContext.getInstance("TLS");
            context.init(null, new TrustManager[] {manager(store)}, null);
            return context;
        } catch (IOException noneWasRead) {
            throw new GeneralSecurityException(noneWasRead);
        }
    }

    private static List<Certificate> certificates(String where, String file) {
        String found;
        try {
            List<Certificate> all = new ArrayList<>();
            for (Path each : paths(Path.of(file))) {
                try (InputStream in = Files.newInputStream(each)) {
                    all.addAll(CertificateFactory.getInstance("X.509").generateCertificates(in));
                }
            }
            if (!all.isEmpty()) {
                return all;
            }
            found = "none in " + file;
        } catch (IOException | CertificateException unusable) {
            found = unusable.getClass().getSimpleName() + " for " + file;
        }
        throw new IllegalArgumentException(
                "expected a file of PEM certificates in " + where + "; found " + found);
    }

    /** Returns the file, or those of a folder. */
    private static List<Path> paths(Path given) throws IOException {
        if (!Files.isDirectory(given)) {
            return List.of(given);
        }
        try (Stream<Path> all = Files.list(given)) {
            return all.filter(Files::isRegularFile).collect(Collectors.toList());
        }
    }

    /** Returns the manager of a key store; null is the JVM's own. */
    private static X509TrustManager manager(KeyStore store) throws GeneralSecurityException {
        TrustManagerFactory factory =
                TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        factory.init(store);
        return (X509TrustManager) factory.getTrustManagers()[0];
    }
}
