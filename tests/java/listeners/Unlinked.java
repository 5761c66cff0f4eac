package tests;

import com.atlassian.migration.app.gateway.AppCloudForgeMigrationGateway;
import com.atlassian.migration.app.gateway.MigrationDetailsV1;
import java.util.Map;

/** Uses what Ferryman does not have. */
public class Unlinked extends Base {
    @Override
    public void onStartAppMigration(
            AppCloudForgeMigrationGateway gateway, MigrationDetailsV1 details) {
        gateway.sendKeyValuePair(Map.of(), null);
    }
}
