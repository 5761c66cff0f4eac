package io.ferryman.json;

import java.nio.charset.StandardCharsets;
import java.util.Collection;
import java.util.Map;

/** Writes maps, {@link JsonMembers}, collections, texts, numbers, booleans and null as JSON. */
public final class JsonWriter {
    private final StringBuilder text = new StringBuilder();

    private JsonWriter() {}

    /**
     * Writes a value.
     *
     * @param value what to write
     * @return the document, in UTF-8
     */
    public static byte[] write(Object value) {
        JsonWriter writer = new JsonWriter();
        writer.value(value);
        return writer.text.toString().getBytes(StandardCharsets.UTF_8);
    }

    private void value(Object value) {
        if (value instanceof String) {
            string((String) value);
        } else if (value instanceof JsonMembers) {
            members(((JsonMembers) value).namesAndValues);
        } else if (value instanceof Map) {
            object((Map<?, ?>) value);
        } else if (value instanceof Collection) {
            array((Collection<?>) value);
        } else if (value == null || value instanceof Boolean || value instanceof Number) {
            text.append(value);
        } else {
            string(value.toString());
        }
    }

    private void members(Object[] namesAndValues) {
        char before = '{';
        for (int at = 0; at < namesAndValues.length; at += 2) {
            text.append(before).append('"').append(namesAndValues[at]).append("\":");
            value(namesAndValues[at + 1]);
            before = ',';
        }
        text.append(namesAndValues.length == 0 ? "{}" : "}");
    }

    private void object(Map<?, ?> members) {
        char before = '{';
        for (Map.Entry<?, ?> member : members.entrySet()) {
            text.append(before);
            string(member.getKey().toString());
            text.append(':');
            value(member.getValue());
            before = ',';
        }
        text.append(members.isEmpty() ? "{}" : "}");
    }

    private void array(Collection<?> items) {
        char before = '[';
        for (Object item : items) {
            text.append(before);
            value(item);
            before = ',';
        }
        text.append(items.isEmpty() ? "[]" : "]");
    }

    private void string(String value) {
        text.append('"');
        int plain = 0;
        for (int at = 0; at < value.length(); at++) {
            char next = value.charAt(at);
            if (next < ' ' || next == '"' || next == '\\' || Character.isSurrogate(next)) {
                text.append(value, plain, at);
                escape(next);
                plain = at + 1;
            }
        }
        text.append(value, plain, value.length()).append('"');
    }

    private void escape(char character) {
        if (character == '"' || character == '\\') {
            text.append('\\').append(character);
        } else {
            // A lone surrogate has no UTF-8; escaped, the platform can refuse it by name.
            text.append(String.format("\\u%04x", (int) character));
        }
    }
}
