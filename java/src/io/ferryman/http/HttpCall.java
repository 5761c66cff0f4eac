package io.ferryman.http;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/** One request: what to send, and how long to wait for it. */
final class HttpCall {
    static final double TIMEOUT = 60;

    /** The largest body that a socket takes at once, so that writing it never waits. */
    private static final long SMALL = 128 * 1024;

    private static final Set<String> OWN = Set.of("content-length", "host", "connection");
    private static final Bytes NOTHING = Bytes.of(new byte[0]);

    /** Name and version, by which an operator sees who has to upgrade. */
    private static final String USER_AGENT = userAgent();

    final String method;
    final String url;
    final Bytes body;
    private final Map<String, String> headers;
    double timeout = TIMEOUT;
    Runnable meanwhile = () -> {};
    private Connection connection;
    private boolean cancelled;

    /** Makes a request; {@code body} may be null. */
    HttpCall(String method, String url, Map<String, String> headers, Bytes body) {
        this.method = method;
        this.url = url;
        this.headers = headers;
        this.body = body == null ? NOTHING : body;
    }

    boolean isSmall() {
        return body.size <= SMALL;
    }

    /** Returns all that comes before the body. */
    String head(String target, String origin, String proxyLogin) {
        StringBuilder head = new StringBuilder(512);
        head.append(method).append(' ').append(origin).append(target);
        head.append(" HTTP/1.1\r\nHost: ").append(authority());
        head.append("\r\nUser-Agent: ").append(USER_AGENT);
        if (!method.equals("GET")) {
            head.append("\r\nContent-Length: ").append(body.size);
        }
        if (proxyLogin != null) {
            head.append("\r\nProxy-Authorization: ").append(proxyLogin);
        }
        headers.forEach(
                (name, value) -> {
                    if (!OWN.contains(name.toLowerCase(Locale.ROOT))) {
                        head.append("\r\n").append(name).append(": ").append(oneLine(value));
                    }
                });
        return head.append("\r\n\r\n").toString();
    }

    /** Reads the version that `make java` put beside this class; it stays there in a jar of all. */
    private static String userAgent() {
        String name = "ferryman-java";
        try (InputStream version = HttpCall.class.getResourceAsStream("version")) {
            if (version == null) {
                return name;
            }
            String text = new String(version.readAllBytes(), StandardCharsets.US_ASCII);
            return name + '/' + oneLine(text.trim());
        } catch (IOException unreadable) {
            return name;
        }
    }

    private String authority() {
        int start = url.indexOf("://") + 3;
        int end = start;
        while (end < url.length() && "/?#".indexOf(url.charAt(end)) < 0) {
            end++;
        }
        return url.substring(start, end);
    }

    private static String oneLine(String value) {
        if (value.indexOf('\r') >= 0 || value.indexOf('\n') >= 0) {
            throw new IllegalArgumentException("expected a header of one line");
        }
        return value;
    }

    /** Notes where it goes; throws if nobody wants it any more. */
    synchronized void startOn(Connection where) throws IOException {
        if (cancelled) {
            throw new IOException("cancelled");
        }
        connection = where;
    }

    /** Ends it where it is. */
    synchronized void cancel() {
        cancelled = true;
        if (connection != null) {
            connection.close();
        }
    }

    synchronized boolean isCancelled() {
        return cancelled;
    }

    /** Returns a number that grows while the body is sent. */
    synchronized long progress() {
        return connection == null ? 0 : connection.progress();
    }

    /** Returns its name for messages: a signed URL is cut to its path. */
    @Override
    public String toString() {
        return method + " " + url.replaceFirst("^https?://[^/]*", "").replaceFirst("\\?.*", "");
    }
}
