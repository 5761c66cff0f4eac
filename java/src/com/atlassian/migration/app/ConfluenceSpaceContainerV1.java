package com.atlassian.migration.app;

/** The container of a space. */
public interface ConfluenceSpaceContainerV1 extends ContainerV1 {
    /**
     * Returns its key on the server.
     *
     * @return the key
     */
    String getKey();

    /**
     * Returns its id on the server.
     *
     * @return the id; null if the plan has none
     */
    String getSourceId();

    /**
     * Returns its name.
     *
     * @return the name; null if the plan has none
     */
    String getName();
}
