package io.ferryman.json;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Reads JSON: objects are maps, whole numbers are {@code Long}, others {@code Double}. */
public final class JsonReader {
    private static final int DEEPEST = 100;

    // Each array access is one step for the JVM's compiler, whose time is most of a short run's.
    private final char[] text;
    private int at;
    private int depth;

    private JsonReader(String text) {
        this.text = text.toCharArray();
    }

    /**
     * Reads a document.
     *
     * @param utf8 the whole document
     * @return its value
     * @throws JsonException if it is not JSON
     */
    public static Object read(byte[] utf8) {
        JsonReader reader = new JsonReader(new String(utf8, StandardCharsets.UTF_8));
        Object value = reader.value();
        reader.blank();
        if (reader.at != reader.text.length) {
            throw reader.wrong("the end");
        }
        return value;
    }

    private Object value() {
        blank();
        if (depth > DEEPEST) {
            throw wrong("fewer levels");
        }
        switch (peek()) {
            case '{':
                return object();
            case '[':
                return array();
            case '"':
                return string();
            case 't':
                return word("true", Boolean.TRUE);
            case 'f':
                return word("false", Boolean.FALSE);
            case 'n':
                return word("null", null);
            default:
                return number();
        }
    }

    private Map<String, Object> object() {
        Map<String, Object> members = new LinkedHashMap<>();
        at++;
        depth++;
        blank();
        while (peek() != '}') {
            if (!members.isEmpty()) {
                take(',');
                blank();
            }
            String name = string();
            blank();
            take(':');
            members.put(name, value());
            blank();
        }
        at++;
        depth--;
        return members;
    }

    private List<Object> array() {
        List<Object> items = new ArrayList<>();
        at++;
        depth++;
        blank();
        while (peek() != ']') {
            if (!items.isEmpty()) {
                take(',');
            }
            items.add(value());
            blank();
        }
        at++;
        depth--;
        return items;
    }

    private String string() {
        take('"');
        int start = at;
        while (at < text.length && text[at] != '"' && text[at] != '\\') {
            at++;
        }
        String plain = new String(text, start, at - start);
        return peek() == '"' ? end(plain) : unescaped(plain);
    }

    private String end(String read) {
        at++;
        return read;
    }

    private String unescaped(String begun) {
        StringBuilder built = new StringBuilder(begun);
        while (peek() != '"') {
            char next = text[at++];
            built.append(next == '\\' ? escaped() : next);
        }
        return end(built.toString());
    }

    private char escaped() {
        char kind = peek();
        at++;
        int simple = "\"\\/bfnrt".indexOf(kind);
        if (simple >= 0) {
            return "\"\\/\b\f\n\r\t".charAt(simple);
        }
        if (kind != 'u' || at + 4 > text.length) {
            throw wrong("an escape");
        }
        try {
            String digits = new String(text, at, 4);
            at += 4;
            return (char) Integer.parseInt(digits, 16);
        } catch (NumberFormatException malformed) {
            throw wrong("four hexadecimal digits");
        }
    }

    private Object word(String word, Object value) {
        int length = Math.min(word.length(), text.length - at);
        if (!word.equals(new String(text, at, length))) {
            throw wrong(word);
        }
        at += length;
        return value;
    }

    private Object number() {
        int start = at;
        long value = 0;
        while (at < text.length && text[at] >= '0' && text[at] <= '9' && at - start < 18) {
            value = value * 10 + text[at] - '0';
            at++;
        }
        if (at > start && (at == text.length || ",]} \t\r\n".indexOf(text[at]) >= 0)) {
            return value;
        }
        at = start;
        return otherNumber();
    }

    private Object otherNumber() {
        int start = at;
        while (at < text.length && "+-.0123456789eE".indexOf(text[at]) >= 0) {
            at++;
        }
        String digits = new String(text, start, at - start);
        try {
            return Long.valueOf(digits);
        } catch (NumberFormatException notWhole) {
            try {
                return Double.valueOf(digits);
            } catch (NumberFormatException malformed) {
                throw wrong("a value");
            }
        }
    }

    private char peek() {
        if (at >= text.length) {
            throw wrong("more");
        }
        return text[at];
    }

    private void take(char wanted) {
        if (peek() != wanted) {
            throw wrong("'" + wanted + "'");
        }
        at++;
    }

    private void blank() {
        while (at < text.length && text[at] <= ' ' && " \t\r\n".indexOf(text[at]) >= 0) {
            at++;
        }
    }

    private JsonException wrong(String expected) {
        return new JsonException("expected " + expected + " at character " + at);
    }
}
