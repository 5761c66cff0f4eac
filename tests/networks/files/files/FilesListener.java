package files;

import com.atlassian.migration.app.AccessScope;
import com.atlassian.migration.app.gateway.AppCloudForgeMigrationGateway;
import com.atlassian.migration.app.gateway.MigrationDetailsV1;
import com.atlassian.migration.app.listener.DiscoverableForgeListener;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.util.Set;
import java.util.UUID;

/** Writes a small file, and one of two parts. */
public class FilesListener implements DiscoverableForgeListener {
    @Override
    public void onStartAppMigration(
            AppCloudForgeMigrationGateway gateway, MigrationDetailsV1 details) {
        write(gateway, "small", 3);
        write(gateway, "large", 9 << 20);
        gateway.completeExport();
    }

    private static void write(AppCloudForgeMigrationGateway gateway, String label, int size) {
        try (OutputStream data = gateway.createAppData(label)) {
            data.write(new byte[size]);
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
        return "unused";
    }

    @Override
    public Set<AccessScope> getDataAccessScopes() {
        return Set.of();
    }
}
