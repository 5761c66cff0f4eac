package com.atlassian.migration.app;

import java.util.Objects;

/** Names a custom field of the server app. */
public final class ServerAppCustomField {
    private final String fieldName;
    private final String fieldTypeKey;

    /**
     * Names a field.
     *
     * @param fieldName its name; null for all fields of the type
     * @param fieldTypeKey the key of its type
     */
    public ServerAppCustomField(String fieldName, String fieldTypeKey) {
        this.fieldName = fieldName;
        this.fieldTypeKey = fieldTypeKey;
    }

    /**
     * Returns its name.
     *
     * @return the name; null for all fields of the type
     */
    public String getFieldName() {
        return fieldName;
    }

    /**
     * Returns the key of its type.
     *
     * @return the key
     */
    public String getFieldTypeKey() {
        return fieldTypeKey;
    }

    @Override
    public boolean equals(Object other) {
        if (!(other instanceof ServerAppCustomField)) {
            return false;
        }
        ServerAppCustomField field = (ServerAppCustomField) other;
        return Objects.equals(fieldName, field.fieldName)
                && Objects.equals(fieldTypeKey, field.fieldTypeKey);
    }

    @Override
    public int hashCode() {
        return Objects.hash(fieldName, fieldTypeKey);
    }
}
