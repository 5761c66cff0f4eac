package tests;

import com.atlassian.migration.app.gateway.AppCloudForgeMigrationGateway;
import com.atlassian.migration.app.gateway.MigrationDetailsV1;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;

/** Throws within the block of a file, with a text that must not leave. */
public class Throwing extends Base {
    @Override
    public void onStartAppMigration(
            AppCloudForgeMigrationGateway gateway, MigrationDetailsV1 details) {
        try (OutputStream data = gateway.createAppData("cut")) {
            data.write(bytes(1, 1000));
            throw new IllegalStateException(
                    "customer@example.com", new IOException("customer@example.com"));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
