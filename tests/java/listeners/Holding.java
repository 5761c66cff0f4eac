package tests;

import com.atlassian.migration.app.gateway.AppCloudForgeMigrationGateway;
import com.atlassian.migration.app.gateway.MigrationDetailsV1;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;

/** Completes its export, then writes on: one file until it is told to close it, one far too late. */
public class Holding extends Base {
    @Override
    public void onStartAppMigration(
            AppCloudForgeMigrationGateway gateway, MigrationDetailsV1 details) {
        Late.write(gateway, "before", 10);
        gateway.completeExport();
        try {
            try (OutputStream data = gateway.createAppData("after")) {
                data.write(bytes(1, 1_000_000));
                mark("open");
                await("close");
            }
            mark("closed");
            await("settled");
            try (OutputStream data = gateway.createAppData("too late")) {
                data.write(bytes(1, 1_000_000));
            } catch (IOException refused) {
                mark(refused.getMessage());
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private static void await(String word) throws InterruptedException {
        while (!Files.exists(FOLDER.resolve(word))) {
            Thread.sleep(20);
        }
    }
}
