package io.ferryman.http;

import java.io.IOException;

/** There is no connection; the message says why, and holds no URL but a proxy's. */
final class ConnectFailure extends IOException {
    private static final long serialVersionUID = 1L;

    /** What the proxy answered instead of opening a tunnel; null without one. */
    final transient Answer answer;

    ConnectFailure(String reason) {
        super(reason);
        this.answer = null;
    }

    ConnectFailure(Answer answer) {
        super("the proxy refused");
        this.answer = answer;
    }
}
