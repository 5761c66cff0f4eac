package io.ferryman.http;

import java.io.IOException;

/** The connection failed before a whole answer was there; the message holds no signed URL. */
final class NoAnswerException extends IOException {
    private static final long serialVersionUID = 1L;

    /** False where another try cannot help, as with a certificate that is refused. */
    final boolean retryable;

    /** What to do, as sentences. */
    final String fix;

    NoAnswerException(String reason, boolean retryable) {
        this(reason, retryable, "Check the URL, and that the platform is running.");
    }

    NoAnswerException(String reason, boolean retryable, String fix) {
        super(reason);
        this.retryable = retryable;
        this.fix = fix;
    }
}
