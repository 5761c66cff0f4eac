package io.ferryman.agent;

import com.atlassian.migration.app.ContainerType;
import com.atlassian.migration.app.PaginatedContainers;
import com.atlassian.migration.app.PaginatedMapping;
import com.atlassian.migration.app.gateway.AppCloudForgeMigrationGateway;
import io.ferryman.transfer.Export;
import java.io.OutputStream;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** A transfer as the listener of a Forge app knows it. */
final class ForgeGateway implements AppCloudForgeMigrationGateway {
    private final Export transfer;
    private final String name;

    ForgeGateway(Export transfer, String name) {
        this.transfer = transfer;
        this.name = name;
    }

    @Override
    public String getTransferId() {
        return transfer.id();
    }

    @Override
    public String getTransferName() {
        return name;
    }

    @Override
    public OutputStream createAppData() {
        return transfer.create(null);
    }

    @Override
    public OutputStream createAppData(String label) {
        return transfer.create(label);
    }

    @Override
    public void completeExport() {
        transfer.completeExport();
    }

    @Override
    public Map<String, String> getMappingById(String namespace, Set<String> keys) {
        return transfer.mappings(namespace, keys);
    }

    @Override
    public PaginatedMapping getPaginatedMapping(String namespace, int pageSize) {
        return transfer.mappingPages(namespace, pageSize);
    }

    @Override
    public PaginatedContainers getPaginatedContainers(ContainerType type, int pageSize) {
        return transfer.containerPages(type, pageSize);
    }

    @Override
    public Optional<Map<String, Object>> getCloudFeedbackIfPresent() {
        return transfer.feedback();
    }
}
