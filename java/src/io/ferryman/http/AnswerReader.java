package io.ferryman.http;

import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Pattern;

/** Reads one answer of HTTP/1.1 from a connection. */
final class AnswerReader {
    private static final int LONGEST_HEAD = 64 * 1024;
    private static final int LARGEST_BODY = 1 << 20;

    private static final Pattern STATUS =
            Pattern.compile("HTTP/1\\.[01] [2-9][0-9][0-9]( .*)?");

    private final InputStream in;
    private int headLeft = LONGEST_HEAD;
    private boolean begun;
    private boolean ends = true;

    AnswerReader(InputStream in) {
        this.in = in;
    }

    /** Returns whether any of the answer came. */
    boolean isBegun() {
        return begun;
    }

    /** Returns whether the connection cannot be used any more. */
    boolean isEnd() {
        return ends;
    }

    Answer read() throws IOException {
        String first = line();
        Map<String, String> headers = headers();
        while (first.startsWith("HTTP/1.1 1")) { // the answer is yet to come
            first = line();
            headers = headers();
        }
        if (!STATUS.matcher(first).matches()) {
            throw new IOException("the answer is not HTTP");
        }
        int status = Integer.parseInt(first.substring(9, 12));
        byte[] body = body(status, headers);
        ends |=
                first.startsWith("HTTP/1.0")
                        || headers.getOrDefault("connection", "").equalsIgnoreCase("close");
        return new Answer(status, headers, body);
    }

    private byte[] body(int status, Map<String, String> headers) throws IOException {
        String length = headers.get("content-length");
        String coding = headers.get("transfer-encoding");
        ends = false;
        if (status == 204 || status == 304) {
            return new byte[0];
        }
        if (coding != null && coding.equalsIgnoreCase("chunked")) {
            return chunks();
        }
        if (coding == null && length != null) {
            return bytes(size(length, 10));
        }
        ends = true;
        return in.readNBytes(LARGEST_BODY);
    }

    private byte[] chunks() throws IOException {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        int size = size(line().split(";")[0], 16);
        while (size > 0) {
            all.writeBytes(bytes(size));
            line();
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
        byte[] all = in.readNBytes(size);
        if (all.length < size) {
            throw new EOFException("the answer was cut off");
        }
        return all;
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
        StringBuilder line = new StringBuilder(64);
        for (int next = in.read(); next != '\n'; next = in.read()) {
            if (next < 0) {
                throw new EOFException("the connection was closed without an answer");
            }
            begun = true;
            if (--headLeft < 0) {
                throw new IOException("the answer is too long");
            }
            line.append((char) next);
        }
        int length = line.length();
        return length > 0 && line.charAt(length - 1) == '\r'
                ? line.substring(0, length - 1)
                : line.toString();
    }
}
