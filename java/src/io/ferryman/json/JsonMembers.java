package io.ferryman.json;

/** An object to be written, with its members in order; cheaper than a map. */
public final class JsonMembers {
    final Object[] namesAndValues;

    private JsonMembers(Object[] namesAndValues) {
        this.namesAndValues = namesAndValues;
    }

    /**
     * Takes members.
     *
     * @param namesAndValues a name, its value, and so on
     * @return the object
     */
    public static JsonMembers of(Object... namesAndValues) {
        return new JsonMembers(namesAndValues);
    }
}
