package io.ferryman;

import com.atlassian.migration.app.ContainerType;
import com.atlassian.migration.app.PaginatedContainers;
import com.atlassian.migration.app.PaginatedMapping;
import io.ferryman.http.HttpSender;
import io.ferryman.http.Network;
import io.ferryman.http.Platform;
import io.ferryman.transfer.PartMemory;
import io.ferryman.transfer.Senders;
import io.ferryman.transfer.Transfer;
import java.util.Collection;
import java.util.Map;
import java.util.Optional;

/**
 * One transfer, as the server app sees it. Safe to use from several threads.
 *
 * <p>For programs that know their transfer. To wait for transfers and have a listener called for
 * each, run the agent. All calls are retried for two minutes and throw {@link GatewayException}.
 *
 * <pre>{@code
 * try (Gateway gateway = new Gateway(url, token, transferId)) {
 *     try (AppData data = gateway.createAppData("notes")) {
 *         data.write(bytes);
 *     }
 *     gateway.completeExport();
 * }
 * }</pre>
 */
public final class Gateway implements AutoCloseable {
    private final HttpSender sender;
    private final Transfer transfer;

    /**
     * Opens a transfer. Proxies are those of the JVM's properties or of {@code HTTPS_PROXY}, {@code
     * HTTP_PROXY}, {@code ALL_PROXY} and {@code NO_PROXY}; whom to trust is told by the JVM, and by
     * the PEM file that {@code SSL_CERT_FILE} names.
     *
     * @param url the platform, as {@code https://host:port}
     * @param token the server token of the app
     * @param transferId the transfer
     * @throws IllegalArgumentException if the address or one of those settings cannot be used
     */
    public Gateway(String url, String token, String transferId) {
        sender = Network.open(System.getenv(), null, url);
        Platform platform = new Platform(sender, url, token, 0);
        transfer = new Transfer(platform, transferId, new PartMemory(), new Senders());
    }

    /**
     * Returns the id of the transfer.
     *
     * @return the id
     */
    public String getTransferId() {
        return transfer.id;
    }

    /**
     * Begins a file without a label.
     *
     * @return the file
     */
    public AppData createAppData() {
        return transfer.create(null);
    }

    /**
     * Begins a file.
     *
     * @param label what the cloud app knows it by; several files can have one label
     * @return the file
     */
    public AppData createAppData(String label) {
        return transfer.create(label);
    }

    /**
     * Says that all files are written; more can still follow until the transfer is settled.
     *
     * <p>Throws {@code export_incomplete} while a file is open, or failed and was not written
     * again.
     */
    public void completeExport() {
        transfer.completeExport();
    }

    /**
     * Translates server ids.
     *
     * @param namespace such as {@code jira:issue}
     * @param keys the server ids, any number
     * @return server id to cloud id; an id without a mapping is absent
     */
    public Map<String, String> getMappingById(String namespace, Collection<String> keys) {
        return transfer.calls.mappings(namespace, keys);
    }

    /**
     * Walks all mappings of a namespace.
     *
     * @param namespace such as {@code jira:issue}
     * @param pageSize mappings in a page, at most 1,200
     * @return the pages
     */
    public PaginatedMapping getPaginatedMapping(String namespace, int pageSize) {
        return transfer.mappingPages(namespace, pageSize);
    }

    /**
     * Walks the containers that the admin selected.
     *
     * @param type their type
     * @param pageSize containers in a page, at most 250
     * @return the pages
     */
    public PaginatedContainers getPaginatedContainers(ContainerType type, int pageSize) {
        return transfer.containerPages(type, pageSize);
    }

    /**
     * Returns what the cloud app left for the server app.
     *
     * @return the feedback, if there is any
     */
    public Optional<Map<String, Object>> getCloudFeedbackIfPresent() {
        return transfer.calls.feedback();
    }

    /** Fails the files that are still open, and ends all waits. */
    @Override
    public void close() {
        transfer.failOpen("never closed");
        transfer.cut(new GatewayException(0, "gateway_closed", "this gateway is closed"));
        sender.close();
    }
}
