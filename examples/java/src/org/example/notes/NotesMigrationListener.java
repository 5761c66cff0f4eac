package org.example.notes;

import com.atlassian.migration.app.AccessScope;
import com.atlassian.migration.app.ContainerType;
import com.atlassian.migration.app.ContainerV1;
import com.atlassian.migration.app.ForgeEnvironmentName;
import com.atlassian.migration.app.JiraProjectContainerV1;
import com.atlassian.migration.app.PaginatedContainers;
import com.atlassian.migration.app.PaginatedMapping;
import com.atlassian.migration.app.gateway.AppCloudForgeMigrationGateway;
import com.atlassian.migration.app.gateway.MigrationDetailsV1;
import com.atlassian.migration.app.listener.DiscoverableForgeListener;
import java.io.IOException;
import java.io.OutputStreamWriter;
import java.io.UncheckedIOException;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Set;
import java.util.UUID;
import java.util.logging.Logger;
import java.util.zip.GZIPOutputStream;

/** Exports the notes of the migrated projects: a plugin as vendors write it. */
public class NotesMigrationListener implements DiscoverableForgeListener {
    private static final Logger LOG = Logger.getLogger(NotesMigrationListener.class.getName());
    private static final int PAGE = 250;

    private final NoteStore store;

    public NotesMigrationListener() {
        this(new NoteStore(Path.of(System.getProperty("notes.home", "."))));
    }

    NotesMigrationListener(NoteStore store) {
        this.store = store;
    }

    @Override
    public void onStartAppMigration(
            AppCloudForgeMigrationGateway gateway, MigrationDetailsV1 details) {
        LOG.info("Exporting notes for the plan " + details.getName());
        Set<String> projects = selectedProjects(gateway);
        Set<String> issues = migratedIssues(gateway);
        try {
            try (Writer out = gzip(gateway, "notes")) {
                for (Note note : store.notes()) {
                    if (projects.contains(note.project) && issues.contains(note.issue)) {
                        out.write(note.toJson() + "\n");
                    }
                }
            }
            try (Writer out = gzip(gateway, "settings")) {
                out.write("{\"name\": \"colour\", \"value\": \"" + store.colour() + "\"}\n");
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        gateway.completeExport();
    }

    private static Writer gzip(AppCloudForgeMigrationGateway gateway, String label)
            throws IOException {
        return new OutputStreamWriter(
                new GZIPOutputStream(gateway.createAppData(label)), StandardCharsets.UTF_8);
    }

    private static Set<String> selectedProjects(AppCloudForgeMigrationGateway gateway) {
        Set<String> keys = new HashSet<>();
        PaginatedContainers pages =
                gateway.getPaginatedContainers(ContainerType.JiraProject, PAGE);
        while (pages.next()) {
            for (ContainerV1 container : pages.getContainers()) {
                keys.add(((JiraProjectContainerV1) container).getKey());
            }
        }
        return keys;
    }

    private static Set<String> migratedIssues(AppCloudForgeMigrationGateway gateway) {
        Set<String> ids = new HashSet<>();
        PaginatedMapping pages = gateway.getPaginatedMapping("jira:issue", 5000);
        while (pages.next()) {
            ids.addAll(pages.getMapping().keySet());
        }
        return ids;
    }

    @Override
    public UUID getForgeAppId() {
        return UUID.fromString("0d3c7a58-5d0b-4a37-9a51-6b5f0a2f4f11");
    }

    @Override
    public String getForgeEnvironmentName() {
        return ForgeEnvironmentName.DEVELOPMENT;
    }

    @Override
    public String getCloudAppKey() {
        return "org.example.notes.cloud";
    }

    @Override
    public String getServerAppKey() {
        return "org.example.notes.server";
    }

    @Override
    public Set<AccessScope> getDataAccessScopes() {
        return Set.of(
                AccessScope.APP_DATA_UGC,
                AccessScope.APP_DATA_OTHER,
                // The cloud app finds the authors by it.
                AccessScope.MIGRATION_TRACING_IDENTITY,
                AccessScope.MIGRATION_TRACING_PRODUCT);
    }
}
