package io.ferryman.http;

import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.util.Arrays;
import java.util.Base64;
import java.util.Collection;
import java.util.Map;
import java.util.stream.Collectors;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManager;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.X509TrustManager;

/**
 * Makes the connections of an agent: through the proxy of the JVM's properties or of the usual
 * variables, to whom the JVM trusts and whom a PEM file adds.
 */
public final class Network {
    private Network() {}

    /**
     * Makes a sender, and sets the JVM's properties that it needs; call it once, at the start.
     *
     * @param env the environment, for {@code HTTPS_PROXY}, {@code HTTP_PROXY} and {@code NO_PROXY}
     * @param caFile a PEM file with authorities to trust as well; may be null
     * @return the sender
     */
    public static HttpSender open(Map<String, String> env, String caFile) {
        // Without this a proxy's password is never sent for an https address.
        setDefault("jdk.http.auth.tunneling.disabledSchemes", "");
        // Longer than most servers and proxies keep an idle connection, a call may meet its end.
        setDefault("jdk.httpclient.keepalive.timeout", "20");
        for (String scheme : new String[] {"http", "https"}) {
            if (System.getProperty(scheme + ".proxyHost") == null) {
                useProxy(scheme, variable(env, scheme + "_proxy"));
            }
        }
        String direct = variable(env, "no_proxy");
        if (direct != null) {
            setDefault("http.nonProxyHosts", patterns(direct));
        }
        return new HttpSender(trust(caFile), Network::login);
    }

    /** Returns what logs in at the proxy of an address; null without a user. */
    private static String login(URI address) {
        String scheme = address.getScheme();
        String user = System.getProperty(scheme + ".proxyUser");
        if (user == null) {
            return null;
        }
        String login = user + ":" + System.getProperty(scheme + ".proxyPassword", "");
        byte[] bytes = login.getBytes(StandardCharsets.UTF_8);
        return "Basic " + Base64.getEncoder().encodeToString(bytes);
    }

    private static void useProxy(String scheme, String address) {
        if (address == null || address.isEmpty()) {
            return;
        }
        URI proxy = URI.create(address.contains("://") ? address : "http://" + address);
        if (proxy.getHost() == null) {
            throw new IllegalArgumentException(
                    "expected http://[USER:PASSWORD@]HOST:PORT in " + scheme + "_proxy");
        }
        System.setProperty(scheme + ".proxyHost", proxy.getHost());
        int port = proxy.getPort() < 0 ? 80 : proxy.getPort();
        System.setProperty(scheme + ".proxyPort", Integer.toString(port));
        if (proxy.getRawUserInfo() != null) {
            String[] login = proxy.getRawUserInfo().split(":", 2);
            System.setProperty(scheme + ".proxyUser", decoded(login[0]));
            System.setProperty(
                    scheme + ".proxyPassword", login.length < 2 ? "" : decoded(login[1]));
        }
    }

    private static String variable(Map<String, String> env, String name) {
        return env.getOrDefault(name, env.get(name.toUpperCase(java.util.Locale.ROOT)));
    }

    private static String decoded(String text) {
        return URLDecoder.decode(text.replace("+", "%2B"), StandardCharsets.UTF_8);
    }

    /** Turns a list of names and suffixes into the form of {@code http.nonProxyHosts}. */
    static String patterns(String names) {
        return Arrays.stream(names.split(","))
                .map(String::strip)
                .filter(name -> !name.isEmpty())
                .map(name -> name.startsWith(".") ? "*" + name : name)
                .map(name -> name.startsWith("*") ? name : name + "|*." + name)
                .collect(Collectors.joining("|"));
    }

    private static void setDefault(String property, String value) {
        if (System.getProperty(property) == null) {
            System.setProperty(property, value);
        }
    }

    private static SSLContext trust(String caFile) {
        try {
            X509TrustManager jvm = manager(null);
            if (jvm.getAcceptedIssuers().length == 0) {
                throw new IllegalArgumentException(
                        "expected a trust store with authorities; found an empty one. A PKCS#12"
                                + " file that is opened without its password looks empty: give"
                                + " -Djavax.net.ssl.trustStorePassword, or use a PEM file and"
                                + " --ca.");
            }
            if (caFile == null) {
                return null;
            }
            KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
            store.load(null, null);
            int number = 0;
            for (Certificate each : jvm.getAcceptedIssuers()) {
                store.setCertificateEntry("jvm-" + number++, each);
            }
            for (Certificate each : certificates(caFile)) {
                store.setCertificateEntry("file-" + number++, each);
            }
            SSLContext context = SSLContext.getInstance("TLS");
            context.init(null, new TrustManager[] {manager(store)}, null);
            return context;
        } catch (GeneralSecurityException | IOException failure) {
            throw new IllegalArgumentException(
                    "the trusted authorities cannot be read: " + failure.getMessage(), failure);
        }
    }

    private static Collection<? extends Certificate> certificates(String caFile)
            throws IOException, GeneralSecurityException {
        try (InputStream in = Files.newInputStream(Path.of(caFile))) {
            Collection<? extends Certificate> found =
                    CertificateFactory.getInstance("X.509").generateCertificates(in);
            if (found.isEmpty()) {
                throw new IllegalArgumentException("expected PEM certificates in " + caFile);
            }
            return found;
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
