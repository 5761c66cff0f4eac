package io.ferryman.http;

import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;

/** Reads the answers of HTTP/1.1 from a connection. */
final class AnswerReader {
    private static final int LONGEST_HEAD = 64 * 1024;

    /** A page of 1,200 mappings with the longest keys is a tenth of it. */
    private static final int LARGEST_BODY = 32 << 20;

    private final InputStream in;
    private final byte[] buffer = new byte[8192];
    private int at;
    private int end;
    private int headLeft;
    private boolean begun;
    private boolean ends;

    AnswerReader(InputStream in) {
        this.in = in;
        next();
    }

    /** Begins another answer. */
    void next() {
        headLeft = LONGEST_HEAD;
        begun = false;
        ends = true; // until all of it was read
    }

    /** Returns whether any of the answer came. */
    boolean isBegun() {
        return begun;
    }

    /** Returns whether the connection cannot be used any more. */
    boolean isEnd() {
        return ends;
    }

    /** Reads an answer. */
    Answer read() throws IOException {
        return read(false);
    }

    /** Reads the answer to CONNECT: where a tunnel begins there is no body. */
    Answer readTunnel() throws IOException {
        return read(true);
    }

    private Answer read(boolean tunnel) throws IOException {
        String first = line();
        Map<String, String> headers = headers();
        while (first.startsWith("HTTP/1.1 1")) { // the answer is yet to come
            first = line();
            headers = headers();
        }
        int status = status(first);
        boolean bare = status == 204 || status == 304 || tunnel && status < 300;
        String length = headers.get("content-length");
        String coding = headers.get("transfer-encoding");
        boolean chunked = coding != null && coding.equalsIgnoreCase("chunked");
        boolean delimited = bare || chunked || coding == null && length != null;
        byte[] body;
        if (bare) {
            body = new byte[0];
        } else if (chunked) {
            body = chunks();
        } else {
            body = delimited ? bytes(size(length, 10)) : rest();
        }
        ends =
                !delimited
                        || first.startsWith("HTTP/1.0")
                        || headers.getOrDefault("connection", "").equalsIgnoreCase("close");
        return new Answer(status, headers, body);
    }

    private static int status(String line) throws IOException {
        boolean known = line.startsWith("HTTP/1.1 ") || line.startsWith("HTTP/1.0 ");
        if (known && line.length() >= 12 && (line.length() == 12 || line.charAt(12) == ' ')) {
            int status = 0;
            for (int place = 9; place < 12; place++) {
                int digit = line.charAt(place) - '0';
                status = digit < 0 || digit > 9 ? -1000 : status * 10 + digit;
            }
            if (status >= 200) {
                return status;
            }
        }
        throw new IOException("the answer is not HTTP");
    }

    private byte[] chunks() throws IOException {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        int size = size(line().split(";")[0], 16);
        while (size > 0) {
            all.writeBytes(bytes(size));
            line();
            headLeft = LONGEST_HEAD;
            size = size(line().split(";")[0], 16);
            if (all.size() + size > LARGEST_BODY) {
                throw new IOException("the answer is too large");
            }
        }
        headers();
        return all.toByteArray();
    }

    private static int size(String text, int radix) throws IOException {
        try {
            int size = Integer.parseInt(text.strip(), radix);
            if (size >= 0 && size <= LARGEST_BODY) {
                return size;
            }
        } catch (NumberFormatException refusedBelow) {
            // as any other length
        }
        throw new IOException("the answer has no usable length");
    }

    private byte[] bytes(int size) throws IOException {
        byte[] all = new byte[size];
        int done = Math.min(size, end - at);
        System.arraycopy(buffer, at, all, 0, done);
        at += done;
        if (in.readNBytes(all, done, size - done) < size - done) {
            throw new EOFException("the answer was cut off");
        }
        return all;
    }

    /** Reads to the end of the connection, or what is enough to tell what went wrong. */
    private byte[] rest() throws IOException {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        while (all.size() < LONGEST_HEAD && (at < end || fill())) {
            all.write(buffer, at, end - at);
            at = end;
        }
        return all.toByteArray();
    }

    private Map<String, String> headers() throws IOException {
        Map<String, String> headers = new HashMap<>();
        for (String line = line(); !line.isEmpty(); line = line()) {
            int colon = line.indexOf(':');
            if (colon > 0) {
                String name = line.substring(0, colon).toLowerCase(Locale.ROOT);
                headers.putIfAbsent(name, line.substring(colon + 1).strip());
            }
        }
        return headers;
    }

    private String line() throws IOException {
        StringBuilder begun = null; // of a line that does not end where the buffer does
        while (true) {
            int start = at;
            while (at < end && buffer[at] != '\n') {
                at++;
            }
            String piece = new String(buffer, start, at - start, StandardCharsets.ISO_8859_1);
            if (at < end) {
                at++;
                return whole(begun == null ? piece : begun.append(piece).toString());
            }
            begun = (begun == null ? new StringBuilder() : begun).append(piece);
            if (begun.length() > headLeft) {
                throw new IOException("the answer is too long");
            }
            if (!fill()) {
                throw new EOFException("the connection was closed without an answer");
            }
        }
    }

    private String whole(String line) throws IOException {
        headLeft -= line.length() + 1;
        if (headLeft < 0) {
            throw new IOException("the answer is too long");
        }
        return line.endsWith("\r") ? line.substring(0, line.length() - 1) : line;
    }

    private boolean fill() throws IOException {
        int count = in.read(buffer, 0, buffer.length);
        at = 0;
        end = Math.max(count, 0);
        begun |= end > 0;
        return end > 0;
    }
}
