package com.atlassian.migration.app;

/** Something that the admin selected in the plan. */
public interface ContainerV1 {
    /**
     * Returns its kind, which says what else it is.
     *
     * @return the kind
     */
    ContainerType getType();
}
