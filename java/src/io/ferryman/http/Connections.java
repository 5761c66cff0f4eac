package io.ferryman.http;

import java.io.IOException;
import java.net.SocketTimeoutException;
import java.net.URI;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.Map;

/**
 * Sends requests over sockets that are kept between them. The JDK's client hands each request from
 * thread to thread, which costs more than all else that a small file needs.
 */
final class Connections {
    private static final int MOST_IDLE = 16;

    private final Connector connector;
    private final Map<String, Deque<Connection>> idle = new HashMap<>();
    private boolean closed;

    Connections(Connector connector) {
        this.connector = connector;
    }

    /**
     * Sends a request. If a kept connection ends without an answer, the server may have closed it
     * before: the request, which must be one that can be repeated, goes over a new one.
     */
    Answer send(HttpCall call, URI address) throws IOException {
        String place = address.getScheme() + "://" + address.getRawAuthority();
        String key = call.isSmall() ? place : place + " large";
        Connection kept = take(key);
        if (kept != null) {
            try {
                return exchange(kept, key, call, address);
            } catch (SocketTimeoutException silent) {
                throw silent;
            } catch (IOException ended) {
                if (kept.isAnswering() || call.isCancelled()) {
                    throw ended;
                }
            }
        }
        return exchange(connector.open(address, call.isSmall()), key, call, address);
    }

    private Answer exchange(Connection connection, String key, HttpCall call, URI address)
            throws IOException {
        try {
            call.startOn(connection);
            Answer answer = connection.exchange(call, target(address));
            if (connection.isReusable()) {
                keep(key, connection);
            } else {
                connection.close();
            }
            return answer;
        } catch (IOException | RuntimeException failure) {
            connection.close();
            throw failure;
        }
    }

    private static String target(URI address) {
        String path = address.getRawPath().isEmpty() ? "/" : address.getRawPath();
        return address.getRawQuery() == null ? path : path + "?" + address.getRawQuery();
    }

    private Connection take(String key) {
        Connection kept = poll(key);
        while (kept != null && !kept.isFresh()) {
            kept.close();
            kept = poll(key);
        }
        return kept;
    }

    private synchronized Connection poll(String key) {
        Deque<Connection> kept = idle.get(key);
        return kept == null ? null : kept.poll();
    }

    private void keep(String key, Connection connection) {
        Connection surplus = null;
        synchronized (this) {
            Deque<Connection> kept = idle.computeIfAbsent(key, none -> new ArrayDeque<>());
            kept.push(connection);
            if (kept.size() > (closed ? 0 : MOST_IDLE)) {
                surplus = kept.removeLast();
            }
        }
        if (surplus != null) {
            surplus.close();
        }
    }

    /** Ends the idle connections, and others after their request. */
    synchronized void close() {
        closed = true;
        idle.values().forEach(kept -> kept.forEach(Connection::close));
        idle.clear();
    }
}
