package io.ferryman.http;

import java.io.IOException;
import java.io.OutputStream;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.TimeUnit;

/** One connection, for one request at a time. */
final class Connection {
    // Longer than most servers and proxies keep an idle connection, a call may meet its end.
    private static final long FRESH_NANOS = TimeUnit.SECONDS.toNanos(20);

    private final Socket socket;
    private final Socket wire;
    private final String origin;
    private final String proxyLogin;
    private final AnswerReader reader;
    private byte[] request = new byte[0];
    private long usedAt = System.nanoTime();
    private volatile long progress;

    /**
     * Takes what was opened.
     *
     * @param socket where requests are written
     * @param wire the socket of TCP below it
     * @param origin what a proxy wants before each path; empty without one
     * @param proxyLogin the login that a proxy wants with each request; may be null
     */
    Connection(Socket socket, Socket wire, String origin, String proxyLogin) throws IOException {
        this.socket = socket;
        this.wire = wire;
        this.origin = origin;
        this.proxyLogin = proxyLogin;
        this.reader = new AnswerReader(socket.getInputStream());
    }

    /** Sends a request and reads its answer. */
    Answer exchange(HttpCall call, String target) throws IOException {
        socket.setSoTimeout((int) (call.timeout * 1000));
        reader.next();
        IOException unsent = null;
        try {
            send(call, call.head(target, origin, proxyLogin));
        } catch (IOException refused) {
            unsent = refused; // perhaps before all of it had come: then the answer says why
        }
        try {
            Answer answer = reader.read();
            usedAt = System.nanoTime();
            return answer;
        } catch (IOException failure) {
            throw unsent == null ? failure : unsent;
        }
    }

    private void send(HttpCall call, String text) throws IOException {
        OutputStream out = socket.getOutputStream();
        byte[] head = text.getBytes(StandardCharsets.ISO_8859_1);
        if (call.isSmall()) {
            // In one piece, so that they leave in one go.
            int length = head.length + (int) call.body.size;
            if (request.length < length) {
                request = new byte[length];
            }
            System.arraycopy(head, 0, request, 0, head.length);
            call.body.copy(request, head.length);
            out.write(request, 0, length);
            return;
        }
        out.write(head);
        for (long at = 0; at < call.body.size && !call.isCancelled(); progress++) {
            at += call.body.write(out, at);
        }
    }

    /** Returns how many pieces were written. */
    long progress() {
        return progress;
    }

    /** Returns whether any of the last answer came. */
    boolean isAnswering() {
        return reader.isBegun();
    }

    /** Returns whether another request can follow. */
    boolean isReusable() {
        return !reader.isEnd();
    }

    /** Returns whether it was used a short while ago. */
    boolean isFresh() {
        return System.nanoTime() - usedAt < FRESH_NANOS;
    }

    /** Ends it, also while another thread writes: TLS has nothing to say that would wait for it. */
    void close() {
        closeQuietly(wire);
    }

    static void closeQuietly(Socket socket) {
        try {
            socket.close();
        } catch (IOException gone) {
            // as it should be
        }
    }
}
