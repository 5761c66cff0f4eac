package com.atlassian.migration.app;

import java.util.Map;

/**
 * Walks the mappings of a namespace, a page at a time.
 *
 * <pre>{@code
 * PaginatedMapping pages = gateway.getPaginatedMapping("jira:issue", 1000);
 * while (pages.next()) {
 *     translate(pages.getMapping());
 * }
 * }</pre>
 */
public interface PaginatedMapping {
    /**
     * Fetches the next page.
     *
     * @return whether there is one
     */
    boolean next();

    /**
     * Returns the page that {@link #next} fetched.
     *
     * @return server id to cloud id, in the order of the server ids
     */
    Map<String, String> getMapping();
}
