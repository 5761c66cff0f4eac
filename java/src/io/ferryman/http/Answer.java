package io.ferryman.http;

import java.util.Map;

/** What came back: header names are in lower case. */
final class Answer {
    final int status;
    final Map<String, String> headers;
    final byte[] body;

    /** The proxy that answered itself, and for whom it was asked; null for another answer. */
    final String proxy;

    Answer(int status, Map<String, String> headers, byte[] body) {
        this(status, headers, body, null);
    }

    private Answer(int status, Map<String, String> headers, byte[] body, String proxy) {
        this.status = status;
        this.headers = headers;
        this.body = body;
        this.proxy = proxy;
    }

    Answer by(String answering) {
        return new Answer(status, headers, body, answering);
    }

    String header(String name) {
        return headers.getOrDefault(name, "");
    }
}
