package tests;

import com.atlassian.migration.app.gateway.AppCloudForgeMigrationGateway;
import com.atlassian.migration.app.gateway.MigrationDetailsV1;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;

/** Writes for so many seconds, so that the agent is stopped meanwhile. */
public class Patient extends Base {
    @Override
    public void onStartAppMigration(
            AppCloudForgeMigrationGateway gateway, MigrationDetailsV1 details) {
        mark("started");
        try (OutputStream data = gateway.createAppData("slow")) {
            for (int tenth = 0; tenth < 10 * Integer.getInteger("test.seconds"); tenth++) {
                data.write(bytes(tenth, 20_000));
                Thread.sleep(100);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        gateway.completeExport();
    }
}
