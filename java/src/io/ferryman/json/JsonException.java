package io.ferryman.json;

/** Something is not the JSON that was expected; the message holds none of it. */
public final class JsonException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    JsonException(String message) {
        super(message);
    }
}
