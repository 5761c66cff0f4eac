package io.ferryman.agent;

import com.atlassian.migration.app.ContainerType;
import com.atlassian.migration.app.PaginatedContainers;
import com.atlassian.migration.app.PaginatedMapping;
import com.atlassian.migration.app.gateway.AppCloudMigrationGateway;
import io.ferryman.transfer.Export;
import java.io.OutputStream;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** A transfer as the listener of a Connect app knows it. */
final class ConnectGateway implements AppCloudMigrationGateway {
    private final Export transfer;

    ConnectGateway(Export transfer) {
        this.transfer = transfer;
    }

    @Override
    public OutputStream createAppData(String transferId) {
        return own(transferId).create(null);
    }

    @Override
    public OutputStream createAppData(String transferId, String label) {
        return own(transferId).create(label);
    }

    @Override
    public Map<String, String> getMappingById(
            String transferId, String namespace, Set<String> keys) {
        return own(transferId).mappings(namespace, keys);
    }

    @Override
    public PaginatedMapping getPaginatedMapping(
            String transferId, String namespace, int pageSize) {
        return own(transferId).mappingPages(namespace, pageSize);
    }

    @Override
    public PaginatedContainers getPaginatedContainers(
            String transferId, ContainerType type, int pageSize) {
        return own(transferId).containerPages(type, pageSize);
    }

    @Override
    public Optional<Map<String, Object>> getCloudFeedbackIfPresent(String transferId) {
        return own(transferId).feedback();
    }

    private Export own(String transferId) {
        if (!transfer.id().equals(transferId)) {
            throw new IllegalArgumentException(
                    "expected the transfer that the listener was called for, " + transfer.id()
                            + "; found another one");
        }
        return transfer;
    }
}
