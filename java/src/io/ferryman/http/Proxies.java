package io.ferryman.http;

import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Proxy;
import java.net.ProxySelector;
import java.net.URI;
import java.net.UnknownHostException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * Decides which proxy an address goes through: by the JVM's own settings, else by the variables and
 * rules of Ferryman's other clients.
 */
final class Proxies {
    private final Map<String, String> env;
    private final List<DirectRule> direct = new ArrayList<>();

    Proxies(Map<String, String> env) {
        this.env = env;
        String names = variable("no_proxy");
        for (String each : names == null ? new String[0] : names.trim().split("[\\s,]+")) {
            if (!each.isEmpty()) {
                direct.add(DirectRule.read(each));
            }
        }
    }

    /**
     * Returns the proxy; null if the address is reached directly, as this machine always is.
     *
     * @throws IllegalArgumentException if the variable holds no proxy's address
     */
    ForwardProxy of(URI address) {
        String scheme = address.getScheme().toLowerCase(Locale.ROOT);
        if (System.getProperty(scheme + ".proxyHost") != null) {
            return selected(address, scheme);
        }
        String host = host(address);
        String given = variable(scheme + "_proxy");
        given = given == null ? variable("all_proxy") : given;
        if (given == null || given.isBlank() || isThisMachine(host)) {
            return selected(address, scheme); // by a selector that the program itself has set
        }
        int port = port(address);
        for (DirectRule each : direct) {
            if (each.covers(host, port)) {
                return null;
            }
        }
        String named = scheme.toUpperCase(Locale.ROOT) + "_PROXY or ALL_PROXY";
        return ForwardProxy.read(given.strip(), named);
    }

    private static ForwardProxy selected(URI address, String scheme) {
        ProxySelector selector = ProxySelector.getDefault();
        for (Proxy each : selector == null ? List.<Proxy>of() : selector.select(address)) {
            if (each.type() == Proxy.Type.HTTP) {
                InetSocketAddress place = (InetSocketAddress) each.address();
                return ForwardProxy.of(
                        place.getHostString(),
                        place.getPort(),
                        System.getProperty(scheme + ".proxyUser"),
                        System.getProperty(scheme + ".proxyPassword", ""));
            }
        }
        return null;
    }

    /** Returns the host of an address, as it is compared and looked up. */
    static String host(URI address) {
        String host = address.getHost().replaceAll("[\\[\\]]", "").toLowerCase(Locale.ROOT);
        return host.endsWith(".") ? host.substring(0, host.length() - 1) : host;
    }

    static int port(URI address) {
        boolean secure = address.getScheme().equalsIgnoreCase("https");
        return address.getPort() >= 0 ? address.getPort() : secure ? 443 : 80;
    }

    private static boolean isThisMachine(String host) {
        byte[] bytes = HostPort.address(host);
        try {
            return bytes == null
                    ? host.equals("localhost") || host.endsWith(".localhost")
                    : InetAddress.getByAddress(bytes).isLoopbackAddress();
        } catch (UnknownHostException otherLength) {
            return false;
        }
    }

    private String variable(String name) {
        if (env.containsKey(name)) {
            return env.get(name);
        }
        // In a CGI program HTTP_PROXY is the header "Proxy" of whoever calls it.
        boolean spoiled = name.equals("http_proxy") && env.containsKey("REQUEST_METHOD");
        return spoiled ? null : env.get(name.toUpperCase(Locale.ROOT));
    }
}
