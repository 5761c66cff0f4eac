package com.atlassian.migration.app.gateway;

import com.atlassian.migration.app.ContainerType;
import com.atlassian.migration.app.PaginatedContainers;
import com.atlassian.migration.app.PaginatedMapping;
import java.io.OutputStream;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * The transfers of a Connect app, as its listener sees them. Safe to use from several threads.
 *
 * <p>It has no call that ends the export: the cloud app decides when it is done. See {@link
 * AppCloudForgeMigrationGateway} for what the methods do; {@code transferId} is the id that the
 * listener was called with.
 */
public interface AppCloudMigrationGateway {
    /**
     * Begins a file without a label.
     *
     * @param transferId the transfer
     * @return the file, registered and announced to the cloud app by {@code close()}
     */
    OutputStream createAppData(String transferId);

    /**
     * Begins a file.
     *
     * @param transferId the transfer
     * @param label what the cloud app knows it by
     * @return the file, registered and announced to the cloud app by {@code close()}
     */
    OutputStream createAppData(String transferId, String label);

    /**
     * Translates server ids.
     *
     * @param transferId the transfer
     * @param namespace such as {@code jira:issue}
     * @param keys the server ids, any number
     * @return server id to cloud id; an id without a mapping is absent
     */
    Map<String, String> getMappingById(String transferId, String namespace, Set<String> keys);

    /**
     * Walks all mappings of a namespace.
     *
     * @param transferId the transfer
     * @param namespace such as {@code jira:issue}
     * @param pageSize mappings in a page; more than the platform allows are cut
     * @return the pages
     */
    PaginatedMapping getPaginatedMapping(String transferId, String namespace, int pageSize);

    /**
     * Walks the containers that the admin selected.
     *
     * @param transferId the transfer
     * @param containerType their type
     * @param pageSize containers in a page; more than the platform allows are cut
     * @return the pages
     */
    PaginatedContainers getPaginatedContainers(
            String transferId, ContainerType containerType, int pageSize);

    /**
     * Returns what the cloud app left for the server app.
     *
     * @param transferId the transfer
     * @return the feedback, if there is any
     */
    Optional<Map<String, Object>> getCloudFeedbackIfPresent(String transferId);
}
