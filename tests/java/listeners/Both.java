package tests;

import com.atlassian.migration.app.gateway.AppCloudForgeMigrationGateway;
import com.atlassian.migration.app.gateway.AppCloudMigrationGateway;
import com.atlassian.migration.app.gateway.MigrationDetailsV1;
import com.atlassian.migration.app.listener.DiscoverableListener;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;

/** Implements both listeners, names the environment in upper case, and re-runs its own way. */
public class Both extends Base implements DiscoverableListener {
    @Override
    public void onStartAppMigration(
            AppCloudForgeMigrationGateway gateway, MigrationDetailsV1 details) {
        mark("forge " + gateway.getTransferId());
        gateway.completeExport();
    }

    @Override
    public void onStartAppMigration(
            AppCloudMigrationGateway gateway, String transferId, MigrationDetailsV1 details) {
        mark("connect " + transferId);
        try (OutputStream data = gateway.createAppData(transferId, "connected")) {
            data.write(1);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** With the arguments in the other order that the documents allow. */
    public void onRerunAppMigration(
            String originalTransferId,
            String rerunTransferId,
            AppCloudForgeMigrationGateway gateway,
            MigrationDetailsV1 details) {
        mark("rerun of " + originalTransferId + " as " + rerunTransferId);
        gateway.completeExport();
    }

    @Override
    public String getForgeEnvironmentName() {
        return "DEVELOPMENT";
    }
}
