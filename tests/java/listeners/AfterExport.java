package tests;

import com.atlassian.migration.app.gateway.AppCloudForgeMigrationGateway;
import com.atlassian.migration.app.gateway.MigrationDetailsV1;

/** Writes one more file after it completed its export. */
public class AfterExport extends Base {
    @Override
    public void onStartAppMigration(
            AppCloudForgeMigrationGateway gateway, MigrationDetailsV1 details) {
        Late.write(gateway, "before", 10);
        gateway.completeExport();
        Late.write(gateway, "after", 10);
        gateway.completeExport();
    }
}
