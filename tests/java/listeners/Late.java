package tests;

import com.atlassian.migration.app.gateway.AppCloudForgeMigrationGateway;
import com.atlassian.migration.app.gateway.MigrationDetailsV1;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;

/** Completes its export, then writes on in this thread and, after its return, in another. */
public class Late extends Base {
    @Override
    public void onStartAppMigration(
            AppCloudForgeMigrationGateway gateway, MigrationDetailsV1 details) {
        write(gateway, "first", 0);
        OutputStream open = gateway.createAppData("thread");
        new Thread(() -> finish(open)).start();
        // Not complete() while a file is open: that is refused.
        write(gateway, "second", 0);
        mark("returned");
    }

    private static void finish(OutputStream data) {
        try (OutputStream open = data) {
            for (int piece = 0; piece < 10; piece++) {
                open.write(bytes(piece, 100_000));
                Thread.sleep(100);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    static void write(AppCloudForgeMigrationGateway gateway, String label, int size) {
        try (OutputStream data = gateway.createAppData(label)) {
            data.write(bytes(1, size));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
