package io.ferryman.agent;

import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.charset.StandardCharsets;
import java.security.CodeSource;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.UUID;

/** The options of the command line; an address and a token can come from the environment. */
final class Options {
    static final String USAGE =
            "Usage: java -cp LISTENER.jar:ferryman-agent.jar io.ferryman.agent.Main [OPTION...]\n"
                    + "  --listener CLASS     the listener, or a Supplier of it; by default the one\n"
                    + "                       in META-INF/services\n"
                    + "  --url URL            the platform (FERRYMAN_URL)\n"
                    + "  --token TOKEN        the server token of the app; better in the variable\n"
                    + "                       FERRYMAN_SERVER_TOKEN, which other users cannot see\n"
                    + "  --key KEY            key of the server app, if the listener does not name\n"
                    + "                       it; repeatable\n"
                    + "  --agent-id ID        unique name of this agent; by default of host and\n"
                    + "                       listener\n"
                    + "  --app-version TEXT   version of the server app, passed on in events\n"
                    + "  --concurrency N      transfers to run at once (4)\n"
                    + "  --once               run one transfer, then stop; status 1 if it failed\n"
                    + "  --grace SECONDS      time for running listeners on SIGTERM (30)\n"
                    + "  --idle SECONDS       how long a file may stay open without a write after\n"
                    + "                       its listener returned (300)\n"
                    + "  --export-to FOLDER   write the files into a new folder instead, for\n"
                    + "                       ferryman migrate --plan FOLDER/plan.toml\n"
                    + "  --mappings FILE      with --export-to: lines namespace,serverKey,cloudKey\n"
                    + "  --container TEXT     with --export-to: TYPE:KEY[:NAME]; repeatable\n"
                    + "  --ca FILE            PEM file of authorities to trust, besides the JVM's\n"
                    + "                       and those of SSL_CERT_FILE";

    String listener;
    String url;
    String token;
    String agentId;
    String appVersion;
    String ca;
    String exportTo;
    String mappings;
    int concurrency = 4;
    long grace = 30;
    long idle = 300;
    boolean once;
    boolean help;
    final List<String> keys = new ArrayList<>();
    final List<String> containers = new ArrayList<>();

    static Options parse(String[] arguments, Map<String, String> env) {
        Options options = new Options();
        options.url = env.get("FERRYMAN_URL");
        options.token = env.get("FERRYMAN_SERVER_TOKEN");
        Iterator<String> left = List.of(arguments).iterator();
        while (left.hasNext()) {
            String name = left.next();
            if (!options.flag(name)) {
                if (!left.hasNext()) {
                    throw new IllegalArgumentException("expected a value after " + name);
                }
                options.value(name, left.next());
            }
        }
        return options;
    }

    private boolean flag(String name) {
        once |= name.equals("--once");
        help |= name.equals("--help");
        return name.equals("--once") || name.equals("--help");
    }

    private void value(String name, String value) {
        switch (name) {
            case "--listener":
                listener = value;
                break;
            case "--url":
                url = value;
                break;
            case "--token":
                token = value;
                break;
            case "--key":
                keys.add(value);
                break;
            case "--agent-id":
                agentId = value;
                break;
            case "--app-version":
                appVersion = value;
                break;
            case "--ca":
                ca = value;
                break;
            case "--export-to":
                exportTo = value;
                break;
            case "--mappings":
                mappings = value;
                break;
            case "--container":
                containers.add(value);
                break;
            case "--concurrency":
                concurrency = (int) number(name, value, 1);
                break;
            case "--grace":
                grace = number(name, value, 0);
                break;
            case "--idle":
                idle = number(name, value, 0);
                break;
            default:
                throw new IllegalArgumentException(
                        "expected an option that --help names; found " + name);
        }
    }

    private static long number(String name, String value, long least) {
        try {
            long number = Long.parseLong(value);
            if (number >= least && number <= 86_400) {
                return number;
            }
        } catch (NumberFormatException refusedBelow) {
            // as any other value
        }
        throw new IllegalArgumentException(
                "expected a whole number from " + least + " after " + name + "; found " + value);
    }

    /** Fills in what depends on the listener, and refuses what is missing. */
    void complete(LoadedListener loaded) {
        if (url == null || url.isEmpty()) {
            throw new IllegalArgumentException("expected --url or FERRYMAN_URL; found neither");
        }
        if (token == null || token.isEmpty()) {
            throw new IllegalArgumentException(
                    "expected --token or FERRYMAN_SERVER_TOKEN; found neither");
        }
        if (agentId == null) {
            agentId = defaultAgentId(loaded);
        }
    }

    /** Returns a name made of host and listener, the same after every restart. */
    private static String defaultAgentId(LoadedListener loaded) {
        CodeSource source = loaded.instance.getClass().getProtectionDomain().getCodeSource();
        String place = source == null ? "" : String.valueOf(source.getLocation());
        // The folder may be nobody's business: it only has to tell two installations apart.
        UUID origin = UUID.nameUUIDFromBytes(place.getBytes(StandardCharsets.UTF_8));
        String host;
        try {
            host = InetAddress.getLocalHost().getHostName();
        } catch (UnknownHostException nameless) {
            host = "unnamed-host";
        }
        return host + "/" + loaded.name() + "/" + origin.toString().substring(0, 8);
    }
}
