package io.ferryman.http;

import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.Map;
import javax.net.ssl.SSLSocketFactory;

/**
 * Sends small bodies over plain sockets that are kept between requests. The JDK's client hands each
 * request from thread to thread, which costs more than all else that a small file needs.
 */
final class Connections {
    /** The largest body that goes this way: the socket takes all of it at once. */
    static final long LARGEST_BODY = 128 * 1024;

    private static final int MOST_IDLE = 16;

    private final SSLSocketFactory tls;
    private final Map<String, Deque<Connection>> idle = new HashMap<>();

    Connections(SSLSocketFactory tls) {
        this.tls = tls;
    }

    /**
     * Sends a request. If a kept connection ends without an answer, the server may have closed it
     * before: the request, which must be one that can be repeated, goes over a new one.
     */
    Answer send(HttpCall call, URI address) throws IOException {
        byte[] head = head(call, address);
        String origin = origin(address);
        Connection kept = take(origin);
        if (kept != null) {
            try {
                return exchange(kept, origin, head, call);
            } catch (IOException ended) {
                if (kept.isAnswering()) {
                    throw ended;
                }
            }
        }
        return exchange(new Connection(address, tls), origin, head, call);
    }

    /** Returns whether a connection to this place is kept, which then needs no proxy. */
    synchronized boolean knows(URI address) {
        Deque<Connection> kept = idle.get(origin(address));
        return kept != null && !kept.isEmpty();
    }

    private static String origin(URI address) {
        return address.getScheme() + "://" + address.getRawAuthority();
    }

    private Answer exchange(Connection connection, String origin, byte[] head, HttpCall call)
            throws IOException {
        try {
            Answer answer = connection.exchange(head, call.body, (int) (call.timeout * 1000));
            if (connection.isReusable()) {
                keep(origin, connection);
            } else {
                connection.close();
            }
            return answer;
        } catch (IOException | RuntimeException failure) {
            connection.close();
            throw failure;
        }
    }

    private synchronized Connection take(String origin) {
        Deque<Connection> kept = idle.get(origin);
        return kept == null ? null : kept.poll();
    }

    private void keep(String origin, Connection connection) {
        Connection surplus = null;
        synchronized (this) {
            Deque<Connection> kept = idle.computeIfAbsent(origin, none -> new ArrayDeque<>());
            kept.push(connection);
            if (kept.size() > MOST_IDLE) {
                surplus = kept.removeLast();
            }
        }
        if (surplus != null) {
            surplus.close();
        }
    }

    private static byte[] head(HttpCall call, URI address) {
        StringBuilder head = new StringBuilder(512);
        String path = address.getRawPath();
        head.append(call.method).append(' ').append(path.isEmpty() ? "/" : path);
        if (address.getRawQuery() != null) {
            head.append('?').append(address.getRawQuery());
        }
        head.append(" HTTP/1.1\r\nHost: ").append(address.getRawAuthority());
        head.append("\r\nUser-Agent: ferryman-java\r\nContent-Length: ").append(call.body.size);
        call.headers.forEach(
                (name, value) -> {
                    if (!HttpSender.isOwn(name)) {
                        head.append("\r\n").append(name).append(": ").append(plain(value));
                    }
                });
        return head.append("\r\n\r\n").toString().getBytes(StandardCharsets.ISO_8859_1);
    }

    private static String plain(String value) {
        if (value.indexOf('\r') >= 0 || value.indexOf('\n') >= 0) {
            throw new IllegalArgumentException("expected a header of one line");
        }
        return value;
    }
}
