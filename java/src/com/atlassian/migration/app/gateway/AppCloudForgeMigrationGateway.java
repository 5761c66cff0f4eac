package com.atlassian.migration.app.gateway;

import com.atlassian.migration.app.ContainerType;
import com.atlassian.migration.app.PaginatedContainers;
import com.atlassian.migration.app.PaginatedMapping;
import java.io.OutputStream;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * One transfer of a Forge app, as its listener sees it. Safe to use from several threads.
 *
 * <p>Calls are retried for two minutes before they fail with an unchecked exception. Members that
 * feed Forge's own storage are refused: write a file and have the app store it.
 */
public interface AppCloudForgeMigrationGateway {
    /**
     * Returns the id of the transfer.
     *
     * @return the id
     */
    String getTransferId();

    /**
     * Returns which of the listener's transfer definitions this transfer is; Ferryman's own.
     *
     * @return the name; null without definitions
     */
    default String getTransferName() {
        return null;
    }

    /**
     * Begins a file without a label.
     *
     * @return the file, registered and announced to the cloud app by {@code close()}
     */
    OutputStream createAppData();

    /**
     * Begins a file.
     *
     * @param label what the cloud app knows it by; several files can have one label
     * @return the file, registered and announced to the cloud app by {@code close()}
     */
    OutputStream createAppData(String label);

    /** Says that all files are written; more can still follow until the transfer is settled. */
    void completeExport();

    /**
     * Translates server ids.
     *
     * @param namespace such as {@code jira:issue}
     * @param keys the server ids, any number
     * @return server id to cloud id; an id without a mapping is absent
     */
    Map<String, String> getMappingById(String namespace, Set<String> keys);

    /**
     * Walks all mappings of a namespace.
     *
     * @param namespace such as {@code jira:issue}
     * @param pageSize mappings in a page; more than the platform allows are cut
     * @return the pages
     */
    PaginatedMapping getPaginatedMapping(String namespace, int pageSize);

    /**
     * Walks the containers that the admin selected.
     *
     * @param containerType their type
     * @param pageSize containers in a page; more than the platform allows are cut
     * @return the pages
     */
    PaginatedContainers getPaginatedContainers(ContainerType containerType, int pageSize);

    /**
     * Returns what the cloud app left for the server app.
     *
     * @return the feedback, if there is any
     */
    Optional<Map<String, Object>> getCloudFeedbackIfPresent();

    /**
     * Not supported.
     *
     * @param namespace ignored
     * @param id ignored
     * @return never
     */
    default String convertIdToMappingId(String namespace, String id) {
        throw Unsupported.use("convertIdToMappingId", "getMappingById, here or in the cloud app");
    }

    /**
     * Not supported.
     *
     * @param items ignored
     * @param parameters ignored
     */
    default void sendKeyValuePair(Map<String, ?> items, Object parameters) {
        throw Unsupported.use("sendKeyValuePair", "createAppData, and store it in the cloud app");
    }

    /**
     * Not supported.
     *
     * @param rows ignored
     * @param parameters ignored
     */
    default void sendSqlData(java.util.List<String> rows, Object parameters) {
        throw Unsupported.use("sendSqlData", "createAppData, and store it in the cloud app");
    }

    /**
     * Not supported.
     *
     * @param parameters ignored
     * @return never
     */
    default OutputStream createOsData(Object parameters) {
        throw Unsupported.use("createOsData", "createAppData, and store it in the cloud app");
    }
}
