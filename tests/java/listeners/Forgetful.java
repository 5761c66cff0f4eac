package tests;

import com.atlassian.migration.app.gateway.AppCloudForgeMigrationGateway;
import com.atlassian.migration.app.gateway.MigrationDetailsV1;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;

/** Never closes a file, which it keeps, or drops if it is told to. */
public class Forgetful extends Base {
    private OutputStream kept;

    @Override
    public void onStartAppMigration(
            AppCloudForgeMigrationGateway gateway, MigrationDetailsV1 details) {
        try {
            gateway.createAppData("whole").close();
            OutputStream open = gateway.createAppData("forgotten");
            open.write(bytes(1, 200_000));
            kept = Boolean.getBoolean("test.dropped") ? null : open;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        mark("returned");
    }
}
