package io.ferryman.transfer;

import com.atlassian.migration.app.ContainerType;
import com.atlassian.migration.app.PaginatedContainers;
import com.atlassian.migration.app.PaginatedMapping;
import io.ferryman.AppData;
import java.util.Collection;
import java.util.Map;
import java.util.Optional;

/** What a listener does with a transfer, wherever its files go. */
public interface Export {
    /**
     * Returns the id of the transfer.
     *
     * @return the id
     */
    String id();

    /**
     * Begins a file.
     *
     * @param label its label; may be null
     * @return the file
     */
    AppData create(String label);

    /** Says that all files are written; refused while one of them is missing. */
    void completeExport();

    /**
     * Translates server ids.
     *
     * @param namespace such as {@code jira:issue}
     * @param keys the server ids
     * @return server id to cloud id, for those that have a mapping
     */
    Map<String, String> mappings(String namespace, Collection<String> keys);

    /**
     * Walks mappings.
     *
     * @param namespace whose
     * @param pageSize mappings in a page
     * @return the pages
     */
    PaginatedMapping mappingPages(String namespace, int pageSize);

    /**
     * Walks containers.
     *
     * @param type their type
     * @param pageSize containers in a page
     * @return the pages
     */
    PaginatedContainers containerPages(ContainerType type, int pageSize);

    /**
     * Returns what the cloud app left for the server app.
     *
     * @return the feedback, if there is any
     */
    Optional<Map<String, Object>> feedback();
}
