package tests;

import com.atlassian.migration.app.PaginatedMapping;
import com.atlassian.migration.app.gateway.AppCloudForgeMigrationGateway;
import com.atlassian.migration.app.gateway.MigrationDetailsV1;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.util.Set;

/** Writes a file of several parts, a small one and an empty one, and reads mappings. */
public class Exporter extends Base {
    @Override
    public void onStartAppMigration(
            AppCloudForgeMigrationGateway gateway, MigrationDetailsV1 details) {
        try {
            try (OutputStream large = gateway.createAppData("large")) {
                for (int piece = 0; piece < 20; piece++) {
                    large.write(bytes(piece, 1_000_003));
                }
            }
            try (OutputStream small = gateway.createAppData("small")) {
                small.write("harbour".getBytes());
            }
            gateway.createAppData().close();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        int pages = 0;
        int rows = 0;
        PaginatedMapping mapping = gateway.getPaginatedMapping("jira:issue", 5);
        while (mapping.next()) {
            pages++;
            rows += mapping.getMapping().size();
        }
        mark(pages + " pages of " + rows);
        mark("" + gateway.getMappingById("jira:issue", Set.of("3", "unknown")));
        gateway.completeExport();
    }
}
