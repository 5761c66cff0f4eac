package io.ferryman.http;

import java.nio.charset.StandardCharsets;
import java.util.Locale;
import java.util.Map;

/** Explains answers that no platform gave: those of proxies, and pages of HTML. */
final class Foreign {
    private static final int LONGEST_NAME = 60;

    private static final String UPSTREAM =
            "expected a proxy that reaches the platform. Check that the platform runs, and the"
                    + " address and the timeouts that the proxy has for it.";
    private static final Map<Integer, String> STATUSES =
            Map.of(
                    407,
                    "expected a forward proxy that lets the request pass. Give its user and"
                            + " password in HTTPS_PROXY, or name the host in NO_PROXY.",
                    413,
                    "expected a proxy that passes a body of this size on. Raise the limit of"
                            + " request bodies at the proxy before the platform or the object"
                            + " store: client_max_body_size 0 (nginx), the annotation"
                            + " proxy-body-size (ingress-nginx), LimitRequestBody 0 (Apache httpd),"
                            + " maxRequestBodyBytes (Traefik). Parts have up to 1 GiB.",
                    502,
                    UPSTREAM,
                    503,
                    UPSTREAM,
                    504,
                    UPSTREAM);
    private static final String OTHER =
            "expected Ferryman to answer. Something on the way did: a proxy that blocks the"
                    + " address, a page to sign in at, or another server. Check the URL, and have"
                    + " calls to it let pass.";

    private Foreign() {}

    /** Returns whether the body is a page for people. */
    static boolean isPage(Answer answer) {
        int length = Math.min(answer.body.length, 200);
        String start = new String(answer.body, 0, length, StandardCharsets.ISO_8859_1);
        return answer.header("content-type").toLowerCase(Locale.ROOT).contains("text/html")
                || start.strip().toLowerCase(Locale.ROOT).matches("(?s)<(!doctype|html).*");
    }

    /** Returns what was found and what to do, from the status on. */
    static String explain(Answer answer) {
        String found = "status " + answer.status;
        boolean page = isPage(answer);
        String expected = STATUSES.getOrDefault(answer.status, page ? OTHER : null);
        if (expected == null) {
            return found + ".";
        }
        String name = name(answer);
        return found
                + (page ? " and a page of HTML" : "")
                + ", and not by Ferryman"
                + (name.isEmpty() ? "" : " but by " + name)
                + ": "
                + expected;
    }

    private static String name(Answer answer) {
        String server = answer.header("server");
        String name = (server.isEmpty() ? answer.header("via") : server).replaceAll("[^ -~]", "");
        return name.substring(0, Math.min(LONGEST_NAME, name.length()));
    }
}
