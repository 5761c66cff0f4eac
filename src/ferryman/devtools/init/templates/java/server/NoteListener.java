import com.atlassian.migration.app.AccessScope;
import com.atlassian.migration.app.gateway.AppCloudForgeMigrationGateway;
import com.atlassian.migration.app.gateway.MigrationDetailsV1;
import com.atlassian.migration.app.listener.DiscoverableForgeListener;
import java.io.IOException;
import java.io.OutputStreamWriter;
import java.io.UncheckedIOException;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.UUID;

/** The server app's side: exports the notes in notes.csv, where yours would query its database. */
public class NoteListener implements DiscoverableForgeListener {
    @Override
    public void onStartAppMigration(
            AppCloudForgeMigrationGateway gateway, MigrationDetailsV1 details) {
        // Each file of app data becomes one event for the cloud app.
        try (Writer out = new OutputStreamWriter(
                gateway.createAppData("notes"), StandardCharsets.UTF_8)) {
            List<String> rows = Files.readAllLines(Path.of("notes.csv"));
            for (String row : rows.subList(1, rows.size())) {
                String[] note = row.split(",", 3);
                out.write(String.format(
                        "{\"id\": %s, \"author\": %s, \"text\": %s}%n",
                        quoted(note[0]), quoted(note[1]), quoted(note[2])));
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        gateway.completeExport();
    }

    private static String quoted(String text) {
        return '"' + text.replace("\\", "\\\\").replace("\"", "\\\"") + '"';
    }

    @Override
    public UUID getForgeAppId() {
        return UUID.fromString("00000000-0000-4000-8000-000000000000");
    }

    @Override
    public String getCloudAppKey() {
        return "dev.example-notes";
    }

    @Override
    public String getServerAppKey() {
        return "dev.example-notes.server";
    }

    @Override
    public Set<AccessScope> getDataAccessScopes() {
        return Set.of(AccessScope.APP_DATA_OTHER, AccessScope.MIGRATION_TRACING_IDENTITY);
    }
}
