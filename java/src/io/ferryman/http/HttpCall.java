package io.ferryman.http;

import java.util.Map;

/** One request: what to send, and how long to wait for it. */
final class HttpCall {
    static final double TIMEOUT = 60;

    final String method;
    final String url;
    final Map<String, String> headers;
    final Bytes body;
    double timeout = TIMEOUT;
    Runnable meanwhile = () -> {};

    /** Makes a request; {@code body} may be null. */
    HttpCall(String method, String url, Map<String, String> headers, Bytes body) {
        this.method = method;
        this.url = url;
        this.headers = headers;
        this.body = body;
    }

    boolean isPut() {
        return method.equals("PUT") && body != null;
    }

    /** Returns its name for messages: a signed URL is cut to its path. */
    @Override
    public String toString() {
        return method + " " + url.replaceFirst("^https?://[^/]*", "").replaceFirst("\\?.*", "");
    }
}
