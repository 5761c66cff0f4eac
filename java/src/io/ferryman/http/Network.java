package io.ferryman.http;

import java.net.URI;
import java.util.Map;

/** Makes senders by the settings of a company's network. */
public final class Network {
    private Network() {}

    /**
     * Makes a sender for a platform: through the proxy of the JVM's properties or of the usual
     * variables, to whom the JVM trusts and whom files in PEM add.
     *
     * @param env the environment, for {@code HTTPS_PROXY}, {@code HTTP_PROXY}, {@code ALL_PROXY},
     *     {@code NO_PROXY}, {@code SSL_CERT_FILE} and {@code REQUESTS_CA_BUNDLE}
     * @param caFile a PEM file with authorities to trust as well; may be null
     * @param url the platform; what is wrong with its settings is told at once
     * @return the sender
     * @throws IllegalArgumentException if a setting cannot be used
     */
    public static HttpSender open(Map<String, String> env, String caFile, String url) {
        Proxies proxies = new Proxies(env);
        Trust trust = new Trust(env, caFile);
        URI address = URI.create(url);
        if (address.getHost() != null && address.getScheme() != null) {
            proxies.of(address);
        }
        if (caFile != null || url.startsWith("https:")) {
            trust.sockets();
        }
        return new HttpSender(new Connector(proxies, trust));
    }
}
