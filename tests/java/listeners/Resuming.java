package tests;

import com.atlassian.migration.app.gateway.AppCloudForgeMigrationGateway;
import com.atlassian.migration.app.gateway.MigrationDetailsV1;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;

/**
 * Writes the same files whenever it is called, but for one; the first time it hangs in the middle of
 * the last.
 */
public class Resuming extends Base {
    private static final int PIECES = 80;

    @Override
    public void onStartAppMigration(
            AppCloudForgeMigrationGateway gateway, MigrationDetailsV1 details) {
        boolean first = !Files.exists(FOLDER.resolve("marks"));
        try {
            Late.write(gateway, "small", 1000);
            Late.write(gateway, "small", 2000);
            Late.write(gateway, "medium", 2_000_000);
            Late.write(gateway, null, 3_000_000);
            Late.write(gateway, "changed", first ? 2_000_000 : 2_000_001);
            try (OutputStream data = gateway.createAppData("large")) {
                for (int piece = 0; piece < PIECES; piece++) {
                    data.write(bytes(piece, 1 << 20));
                }
                mark(first ? "hanging" : "again");
                if (first) {
                    Thread.sleep(600_000);
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        gateway.completeExport();
    }
}
