package io.ferryman.http;

import java.util.Map;

/** What came back: header names are in lower case. */
final class Answer {
    final int status;
    final Map<String, String> headers;
    final byte[] body;

    Answer(int status, Map<String, String> headers, byte[] body) {
        this.status = status;
        this.headers = headers;
        this.body = body;
    }

    String header(String name) {
        return headers.getOrDefault(name, "");
    }
}
