package com.atlassian.migration.app;

import java.util.List;

/** Walks the containers of one type, a page at a time, as {@link PaginatedMapping} does. */
public interface PaginatedContainers {
    /**
     * Fetches the next page.
     *
     * @return whether there is one
     */
    boolean next();

    /**
     * Returns the page that {@link #next} fetched.
     *
     * @return the containers
     */
    List<ContainerV1> getContainers();
}
