package io.ferryman.json;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** An object that was read, with typed members; unknown members are ignored. */
public final class JsonObject {
    private final Map<?, ?> members;

    private JsonObject(Map<?, ?> members) {
        this.members = members;
    }

    /**
     * Takes a value for an object.
     *
     * @param value what {@link JsonReader} read
     * @return the object
     * @throws JsonException if it is none
     */
    public static JsonObject of(Object value) {
        if (!(value instanceof Map)) {
            throw new JsonException("expected an object");
        }
        return new JsonObject((Map<?, ?>) value);
    }

    /**
     * Returns all members.
     *
     * @return their values by name
     */
    public Map<String, Object> members() {
        Map<String, Object> all = new LinkedHashMap<>();
        members.forEach((name, member) -> all.put((String) name, member));
        return all;
    }

    /**
     * Returns a text.
     *
     * @param name the member
     * @return its value; null if it is null or absent
     */
    public String text(String name) {
        Object value = members.get(name);
        if (value == null || value instanceof String) {
            return (String) value;
        }
        throw wrong(name, "a text");
    }

    /**
     * Returns a whole number.
     *
     * @param name the member
     * @param otherwise the value if it is null or absent
     * @return its value
     */
    public long number(String name, long otherwise) {
        Object value = members.get(name);
        if (value == null) {
            return otherwise;
        }
        if (value instanceof Long) {
            return (Long) value;
        }
        throw wrong(name, "a whole number");
    }

    /**
     * Returns a truth value.
     *
     * @param name the member
     * @return its value; false if it is absent
     */
    public boolean flag(String name) {
        return Boolean.TRUE.equals(members.get(name));
    }

    /**
     * Returns an object.
     *
     * @param name the member
     * @return its value; null if it is null or absent
     */
    public JsonObject object(String name) {
        Object value = members.get(name);
        return value == null ? null : of(value);
    }

    /**
     * Returns an array of objects.
     *
     * @param name the member
     * @return its items
     */
    public List<JsonObject> objects(String name) {
        List<JsonObject> found = new ArrayList<>();
        for (Object item : items(name)) {
            found.add(of(item));
        }
        return found;
    }

    /**
     * Returns an array of texts.
     *
     * @param name the member
     * @return its items
     */
    public List<String> texts(String name) {
        List<String> found = new ArrayList<>();
        for (Object item : items(name)) {
            found.add(String.valueOf(item));
        }
        return found;
    }

    /**
     * Returns an object whose members are all texts.
     *
     * @param name the member
     * @return its members
     */
    public Map<String, String> textsByName(String name) {
        JsonObject value = object(name);
        return value == null ? Map.of() : value.asTexts();
    }

    /**
     * Returns all members as texts.
     *
     * @return their values by name
     */
    public Map<String, String> asTexts() {
        Map<String, String> found = new LinkedHashMap<>();
        members.forEach((name, value) -> found.put((String) name, String.valueOf(value)));
        return found;
    }

    private List<?> items(String name) {
        Object value = members.get(name);
        if (value == null) {
            return List.of();
        }
        if (value instanceof List) {
            return (List<?>) value;
        }
        throw wrong(name, "an array");
    }

    private static JsonException wrong(String name, String expected) {
        return new JsonException("expected " + expected + " as " + name);
    }
}
