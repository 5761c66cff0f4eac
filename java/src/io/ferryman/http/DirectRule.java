package io.ferryman.http;

import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** One entry of {@code NO_PROXY}: all, a network, or a name and what ends in it; perhaps a port. */
final class DirectRule {
    private static final Pattern WITH_PORT = Pattern.compile("([^:]*|.*\\]):([0-9]{1,5})");

    private final String name;
    private final int port;
    private final byte[] network;
    private final int bits;

    private DirectRule(String name, int port, byte[] network, int bits) {
        this.name = name;
        this.port = port;
        this.network = network;
        this.bits = bits;
    }

    static DirectRule read(String entry) {
        String text = entry.toLowerCase(Locale.ROOT);
        int port = -1;
        Matcher matched = WITH_PORT.matcher(text);
        if (matched.matches()) {
            text = matched.group(1);
            port = Integer.parseInt(matched.group(2));
        }
        String[] parts = text.replaceAll("[\\[\\]]", "").split("/", 2);
        byte[] network = HostPort.address(parts[0]);
        if (network != null) {
            int most = network.length * 8;
            if (parts.length == 1) {
                return new DirectRule("", port, network, most);
            }
            if (parts[1].matches("[0-9]{1,3}") && Integer.parseInt(parts[1]) <= most) {
                return new DirectRule("", port, network, Integer.parseInt(parts[1]));
            }
        }
        String name = text.equals("*") ? text : text.replaceFirst("^\\*", "");
        return new DirectRule(name.replaceFirst("\\.$", ""), port, null, 0);
    }

    boolean covers(String host, int hostPort) {
        if (port >= 0 && port != hostPort) {
            return false;
        }
        if (network != null) {
            return isWithin(HostPort.address(host));
        }
        return name.equals("*")
                || (name.startsWith(".") && host.endsWith(name))
                || host.equals(name)
                || host.endsWith("." + name);
    }

    private boolean isWithin(byte[] address) {
        if (address == null || address.length != network.length) {
            return false;
        }
        for (int at = 0; at < bits; at++) {
            if (((address[at / 8] ^ network[at / 8]) >> (7 - at % 8) & 1) != 0) {
                return false;
            }
        }
        return true;
    }
}
