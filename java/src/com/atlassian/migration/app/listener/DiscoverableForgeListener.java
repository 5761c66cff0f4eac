package com.atlassian.migration.app.listener;

import com.atlassian.migration.app.ForgeEnvironmentName;
import com.atlassian.migration.app.gateway.AppCloudForgeMigrationGateway;
import com.atlassian.migration.app.gateway.MigrationDetailsV1;
import java.util.UUID;

/** Exports the data of a server app whose cloud app is a Forge app. */
public interface DiscoverableForgeListener extends AppListener {
    /**
     * Exports the data for one transfer. What it throws is reported to the cloud app, by class and
     * place, and the transfer is not a success.
     *
     * @param gateway the transfer
     * @param details the migration that it belongs to
     */
    void onStartAppMigration(AppCloudForgeMigrationGateway gateway, MigrationDetailsV1 details);

    /**
     * Exports the data again, for a transfer that replaces an earlier one.
     *
     * @param gateway the new transfer
     * @param originalTransferId the first transfer, however often it was repeated
     * @param rerunTransferId the new transfer
     * @param details the migration that it belongs to
     */
    default void onRerunAppMigration(
            AppCloudForgeMigrationGateway gateway,
            String originalTransferId,
            String rerunTransferId,
            MigrationDetailsV1 details) {
        onStartAppMigration(gateway, details);
    }

    /**
     * Returns the id of the Forge app.
     *
     * @return the id
     */
    UUID getForgeAppId();

    /**
     * Returns the environment of the Forge app.
     *
     * @return its name; upper and lower case are the same
     */
    default String getForgeEnvironmentName() {
        return ForgeEnvironmentName.DEVELOPMENT;
    }
}
