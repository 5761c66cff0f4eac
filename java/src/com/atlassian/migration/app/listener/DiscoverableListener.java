package com.atlassian.migration.app.listener;

import com.atlassian.migration.app.gateway.AppCloudMigrationGateway;
import com.atlassian.migration.app.gateway.MigrationDetailsV1;

/** Exports the data of a server app whose cloud app is a Connect app. */
public interface DiscoverableListener extends AppListener {
    /**
     * Exports the data for one transfer. What it throws is reported to the cloud app, by class and
     * place.
     *
     * @param gateway the app's transfers
     * @param transferId the transfer
     * @param details the migration that it belongs to
     */
    void onStartAppMigration(
            AppCloudMigrationGateway gateway, String transferId, MigrationDetailsV1 details);

    /**
     * Exports the data again, for a transfer that replaces an earlier one.
     *
     * @param gateway the app's transfers
     * @param originalTransferId the first transfer, however often it was repeated
     * @param rerunTransferId the new transfer
     * @param details the migration that it belongs to
     */
    default void onRerunAppMigration(
            AppCloudMigrationGateway gateway,
            String originalTransferId,
            String rerunTransferId,
            MigrationDetailsV1 details) {
        onStartAppMigration(gateway, rerunTransferId, details);
    }
}
