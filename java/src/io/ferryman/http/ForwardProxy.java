package io.ferryman.http;

import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.Locale;

/** A forward proxy; its login is in no text about it. */
final class ForwardProxy {
    final String scheme;
    final String host;
    final int port;

    /** The value of {@code Proxy-Authorization}; null without a user. */
    final String login;

    private ForwardProxy(String scheme, String host, int port, String login) {
        this.scheme = scheme;
        this.host = host;
        this.port = port;
        this.login = login;
    }

    /** Returns a proxy of the JVM's own settings; {@code user} may be null. */
    static ForwardProxy of(String host, int port, String user, String password) {
        return new ForwardProxy("http", host, port, user == null ? null : basic(user, password));
    }

    /**
     * Reads an address such as {@code http://user:password@proxy:3128}.
     *
     * @throws IllegalArgumentException if it is no proxy; the message leaves its password out
     */
    static ForwardProxy read(String text, String variable) {
        String whole = text.contains("://") ? text : "http://" + text;
        String scheme = whole.substring(0, whole.indexOf("://")).toLowerCase(Locale.ROOT);
        String rest = whole.substring(scheme.length() + 3).split("[/?#]", 2)[0];
        int at = rest.lastIndexOf('@');
        HostPort place = HostPort.read(rest.substring(at + 1));
        if (place == null || place.host.isEmpty() || !scheme.matches("https?")) {
            String found = scheme.matches("https?") ? "something else" : scheme + "://…";
            throw new IllegalArgumentException(
                    "expected http://[USER:PASSWORD@]HOST:PORT in " + variable + "; found " + found
                            + ". Correct it, or name the host in NO_PROXY.");
        }
        int port = place.port >= 0 ? place.port : scheme.equals("https") ? 443 : 80;
        String login = null;
        if (at >= 0) {
            String[] parts = rest.substring(0, at).split(":", 2);
            login = basic(decoded(parts[0]), parts.length < 2 ? "" : decoded(parts[1]));
        }
        return new ForwardProxy(scheme, place.host, port, login);
    }

    private static String decoded(String text) {
        try {
            return URLDecoder.decode(text.replace("+", "%2B"), StandardCharsets.UTF_8);
        } catch (IllegalArgumentException notEscaped) {
            return text;
        }
    }

    private static String basic(String user, String password) {
        byte[] login = (user + ":" + password).getBytes(StandardCharsets.UTF_8);
        return "Basic " + Base64.getEncoder().encodeToString(login);
    }

    boolean isSecure() {
        return scheme.equals("https");
    }

    /** Returns its address, without user and password. */
    @Override
    public String toString() {
        return scheme + "://" + new HostPort(host, port);
    }
}
