import com.atlassian.migration.app.AccessScope;
import com.atlassian.migration.app.gateway.AppCloudForgeMigrationGateway;
import com.atlassian.migration.app.gateway.MigrationDetailsV1;
import com.atlassian.migration.app.listener.DiscoverableForgeListener;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/** Writes one file of {@code bulk.mib} MiB, or {@code bulk.files} files of 20 kB, eight at once. */
public class Bulk implements DiscoverableForgeListener {
    private static final int SMALL = 20_000;

    private final byte[] piece = new byte[1 << 20];

    @Override
    public void onStartAppMigration(
            AppCloudForgeMigrationGateway gateway, MigrationDetailsV1 details) {
        new Random(1).nextBytes(piece);
        int files = Integer.getInteger("bulk.files", 0);
        long started = System.nanoTime();
        if (files == 0) {
            write(gateway, "bulk", piece.length, Integer.getInteger("bulk.mib"));
        }
        ExecutorService threads = Executors.newFixedThreadPool(8);
        List<Future<?>> written = new ArrayList<>();
        for (int number = 0; number < files; number++) {
            String label = "file-" + number;
            written.add(threads.submit(() -> write(gateway, label, SMALL, 1)));
        }
        threads.shutdown();
        try {
            for (Future<?> each : written) {
                each.get();
            }
        } catch (ExecutionException | InterruptedException e) {
            throw new IllegalStateException(e);
        }
        gateway.completeExport(); // waits for the files that are still on their way
        double seconds = (System.nanoTime() - started) / 1e9;
        try {
            Files.writeString(Path.of(System.getProperty("bulk.out")), Double.toString(seconds));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private void write(
            AppCloudForgeMigrationGateway gateway, String label, int size, int times) {
        try (OutputStream data = gateway.createAppData(label)) {
            for (int number = 0; number < times; number++) {
                data.write(piece, 0, size);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public UUID getForgeAppId() {
        return new UUID(1, 2);
    }

    @Override
    public String getCloudAppKey() {
        return "bench.cloud";
    }

    @Override
    public String getServerAppKey() {
        return "bench.server";
    }

    @Override
    public Set<AccessScope> getDataAccessScopes() {
        return Set.of();
    }
}
