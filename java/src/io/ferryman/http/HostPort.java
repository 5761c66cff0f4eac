package io.ferryman.http;

import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A host, an address of IPv6 without its brackets, and a port; -1 for none. */
final class HostPort {
    private static final Pattern FORM =
            Pattern.compile("(\\[([^\\]]*)\\]|[^:\\[\\]]*)(?::([0-9]{1,5}))?");
    private static final String BYTE = "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])";
    private static final Pattern IPV4 = Pattern.compile(BYTE + "(\\." + BYTE + "){3}");

    final String host;
    final int port;

    HostPort(String host, int port) {
        this.host = host;
        this.port = port;
    }

    /** Reads {@code host}, {@code host:port} or {@code [address]:port}; null for another form. */
    static HostPort read(String text) {
        Matcher matched = FORM.matcher(text);
        if (!matched.matches()) {
            return null;
        }
        String host = matched.group(2) == null ? matched.group(1) : matched.group(2);
        int port = matched.group(3) == null ? -1 : Integer.parseInt(matched.group(3));
        return port > 65_535 ? null : new HostPort(host, port);
    }

    /** Returns the bytes of a host that is an address already; null for a name. */
    static byte[] address(String host) {
        if (!IPV4.matcher(host).matches() && host.indexOf(':') < 0) {
            return null;
        }
        try {
            return InetAddress.getByName(host).getAddress(); // asks nobody for an address
        } catch (UnknownHostException noAddress) {
            return null;
        }
    }

    @Override
    public String toString() {
        return (host.indexOf(':') < 0 ? host : "[" + host + "]") + (port < 0 ? "" : ":" + port);
    }
}
