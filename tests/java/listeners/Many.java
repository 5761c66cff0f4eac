package tests;

import com.atlassian.migration.app.gateway.AppCloudForgeMigrationGateway;
import com.atlassian.migration.app.gateway.MigrationDetailsV1;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/** Writes 200 small files in eight threads. */
public class Many extends Base {
    @Override
    public void onStartAppMigration(
            AppCloudForgeMigrationGateway gateway, MigrationDetailsV1 details) {
        ExecutorService threads = Executors.newFixedThreadPool(8);
        List<Future<?>> written = new ArrayList<>();
        for (int number = 0; number < 200; number++) {
            int size = number;
            written.add(threads.submit(() -> Late.write(gateway, "file-" + size, size)));
        }
        threads.shutdown();
        try {
            for (Future<?> each : written) {
                each.get();
            }
        } catch (ExecutionException | InterruptedException e) {
            throw new IllegalStateException(e);
        }
        gateway.completeExport();
    }
}
