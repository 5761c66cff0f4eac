package tests;

import static tests.Checks.said;

import com.atlassian.migration.app.AccessScope;
import com.atlassian.migration.app.ConfluenceSpaceContainerV1;
import com.atlassian.migration.app.ContainerType;
import com.atlassian.migration.app.ContainerV1;
import com.atlassian.migration.app.ForgeEnvironmentName;
import com.atlassian.migration.app.JiraProjectContainerV1;
import com.atlassian.migration.app.PaginatedContainers;
import com.atlassian.migration.app.PaginatedMapping;
import com.atlassian.migration.app.ServerAppCustomField;
import com.atlassian.migration.app.SiteContainerV1;
import com.atlassian.migration.app.TransferDefinition;
import com.atlassian.migration.app.confluence.ConfluenceAppCloudMigrationListenerV1;
import com.atlassian.migration.app.gateway.AppCloudForgeMigrationGateway;
import com.atlassian.migration.app.gateway.AppCloudMigrationGateway;
import com.atlassian.migration.app.gateway.MigrationDetailsV1;
import com.atlassian.migration.app.jira.JiraAppCloudMigrationListenerV1;
import com.atlassian.migration.app.listener.MultiTransferDiscoverableForgeListener;
import com.atlassian.migration.app.listener.MultiTransferDiscoverableListener;
import com.atlassian.migration.app.listener.RerunnableDiscoverableListener;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;
import java.util.function.Supplier;

/** Uses every member of the interfaces that a listener can use, and says what it got. */
public class Whole
        implements MultiTransferDiscoverableForgeListener,
                MultiTransferDiscoverableListener,
                RerunnableDiscoverableListener,
                JiraAppCloudMigrationListenerV1,
                ConfluenceAppCloudMigrationListenerV1 {
    @Override
    public void onStartAppMigration(
            AppCloudForgeMigrationGateway gateway, MigrationDetailsV1 details) {
        String forge = "AppCloudForgeMigrationGateway.";
        said("DiscoverableForgeListener.onStartAppMigration", "called");
        said(forge + "getTransferId", gateway.getTransferId());
        said(forge + "getTransferName", gateway.getTransferName());
        write(gateway.createAppData());
        write(gateway.createAppData("labelled"));
        said(forge + "createAppData", "written");
        Set<String> keys = Set.of("1", "2", "unknown");
        said(forge + "getMappingById", new TreeMap<>(gateway.getMappingById("jira:issue", keys)));
        said(forge + "getPaginatedMapping", pages(gateway.getPaginatedMapping("jira:issue", 2)));
        containers(gateway);
        said(forge + "getCloudFeedbackIfPresent", gateway.getCloudFeedbackIfPresent());
        String[] refused = {"convertIdToMappingId", "sendKeyValuePair", "sendSqlData", "createOsData"};
        said(forge + refused[0], refusal(() -> gateway.convertIdToMappingId("jira:issue", "1")));
        said(forge + refused[1], refusal(() -> run(() -> gateway.sendKeyValuePair(Map.of(), null))));
        said(forge + refused[2], refusal(() -> run(() -> gateway.sendSqlData(List.of(), null))));
        said(forge + refused[3], refusal(() -> gateway.createOsData(null)));
        details(details);
        said("DiscoverableForgeListener.getForgeAppId", getForgeAppId());
        said("DiscoverableForgeListener.getCloudAppKey", getCloudAppKey());
        gateway.completeExport();
        said(forge + "completeExport", "done");
        Checks.write();
    }

    private static void containers(AppCloudForgeMigrationGateway gateway) {
        PaginatedContainers projects =
                gateway.getPaginatedContainers(ContainerType.JiraProject, 10);
        said("PaginatedContainers.next", projects.next());
        JiraProjectContainerV1 project = (JiraProjectContainerV1) only(projects);
        said("PaginatedContainers.getContainers", "one");
        said("ContainerV1.getType", project.getType());
        said("JiraProjectContainerV1.getType", project.getType());
        said("JiraProjectContainerV1.getKey", project.getKey());
        said("JiraProjectContainerV1.getSourceId", project.getSourceId());
        said("JiraProjectContainerV1.getName", project.getName());
        PaginatedContainers spaces =
                gateway.getPaginatedContainers(ContainerType.ConfluenceSpace, 10);
        spaces.next();
        ConfluenceSpaceContainerV1 space = (ConfluenceSpaceContainerV1) only(spaces);
        said("ConfluenceSpaceContainerV1.getType", space.getType());
        said("ConfluenceSpaceContainerV1.getKey", space.getKey());
        said("ConfluenceSpaceContainerV1.getSourceId", space.getSourceId());
        said("ConfluenceSpaceContainerV1.getName", space.getName());
        PaginatedContainers sites = gateway.getPaginatedContainers(ContainerType.Site, 10);
        sites.next();
        SiteContainerV1 site = (SiteContainerV1) only(sites);
        said("SiteContainerV1.getType", site.getType());
        said("SiteContainerV1.getSelectedUsers", site.getSelectedUsers());
        said("AppCloudForgeMigrationGateway.getPaginatedContainers", sites.next());
    }

    private static ContainerV1 only(PaginatedContainers page) {
        if (page.getContainers().size() != 1) {
            throw new IllegalStateException("expected one container");
        }
        return page.getContainers().get(0);
    }

    private static String pages(PaginatedMapping pages) {
        StringBuilder sizes = new StringBuilder();
        while (said("PaginatedMapping.next", pages.next())) {
            sizes.append(said("PaginatedMapping.getMapping", pages.getMapping().size())).append(' ');
        }
        return sizes.toString();
    }

    private static String refusal(Supplier<?> member) {
        try {
            member.get();
            return "taken";
        } catch (UnsupportedOperationException refused) {
            return refused.getMessage();
        }
    }

    private static Object run(Runnable action) {
        action.run();
        return null;
    }

    private static void details(MigrationDetailsV1 details) {
        String type = "MigrationDetailsV1.";
        said(type + "getMigrationId", details.getMigrationId());
        said(type + "getMigrationScopeId", details.getMigrationScopeId());
        said(type + "getName", details.getName());
        said(type + "getCreatedAt", details.getCreatedAt());
        said(type + "getCloudUrl", details.getCloudUrl());
        said(type + "getConfluenceClientKey", details.getConfluenceClientKey());
        said(type + "getJiraClientKey", details.getJiraClientKey());
    }

    private static void write(OutputStream opened) {
        try (OutputStream data = opened) {
            data.write(new byte[10]);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public void onStartAppMigration(
            AppCloudMigrationGateway gateway, String id, MigrationDetailsV1 details) {
        String connect = "AppCloudMigrationGateway.";
        said("DiscoverableListener.onStartAppMigration", id);
        write(gateway.createAppData(id));
        write(gateway.createAppData(id, "labelled"));
        said(connect + "createAppData", "written");
        said(connect + "getMappingById", gateway.getMappingById(id, "jira:issue", Set.of("1")));
        said(connect + "getPaginatedMapping", pages(gateway.getPaginatedMapping(id, "jira:issue", 9)));
        PaginatedContainers projects =
                gateway.getPaginatedContainers(id, ContainerType.JiraProject, 10);
        said(connect + "getPaginatedContainers", projects.next());
        said(connect + "getCloudFeedbackIfPresent", gateway.getCloudFeedbackIfPresent(id));
        Checks.write();
    }

    @Override
    public void onRerunAppMigration(
            AppCloudForgeMigrationGateway gateway,
            String original,
            String rerun,
            MigrationDetailsV1 details) {
        said("DiscoverableForgeListener.onRerunAppMigration", original + " as " + rerun);
        Checks.write();
        MultiTransferDiscoverableForgeListener.super.onRerunAppMigration(
                gateway, original, rerun, details);
    }

    @Override
    public void onRerunAppMigration(
            AppCloudMigrationGateway gateway,
            String original,
            String rerun,
            MigrationDetailsV1 details) {
        said("DiscoverableListener.onRerunAppMigration", original + " as " + rerun);
        Checks.write();
        MultiTransferDiscoverableListener.super.onRerunAppMigration(
                gateway, original, rerun, details);
    }

    @Override
    public UUID getForgeAppId() {
        return new UUID(1, 2);
    }

    @Override
    public String getForgeEnvironmentName() {
        String standard = MultiTransferDiscoverableForgeListener.super.getForgeEnvironmentName();
        said("DiscoverableForgeListener.getForgeEnvironmentName", standard);
        return ForgeEnvironmentName.DEVELOPMENT;
    }

    @Override
    public String getCloudAppKey() {
        return "unused";
    }

    @Override
    public String getServerAppKey() {
        String standard = MultiTransferDiscoverableForgeListener.super.getServerAppKey();
        said("DiscoverableForgeListener.getServerAppKey", standard);
        return standard;
    }

    @Override
    public Set<AccessScope> getDataAccessScopes() {
        said("DiscoverableForgeListener.getDataAccessScopes", "asked");
        return Set.of(AccessScope.APP_DATA_OTHER, AccessScope.MIGRATION_TRACING_PRODUCT);
    }

    @Override
    public Set<TransferDefinition> getTransferDefinitions() {
        Set<AccessScope> scopes = Set.of(AccessScope.APP_DATA_OTHER);
        TransferDefinition first = new TransferDefinition("first", true, Set.of(), scopes);
        said("TransferDefinition.new", "made");
        said("TransferDefinition.getTransferName", first.getTransferName());
        said("TransferDefinition.isBlocking", first.isBlocking());
        said("TransferDefinition.getDependsOn", first.getDependsOn());
        said("TransferDefinition.getAccessScopes", first.getAccessScopes());
        int standard = MultiTransferDiscoverableForgeListener.super.getTransferDefinitions().size();
        said("DiscoverableForgeListener.getTransferDefinitions", standard);
        return Boolean.getBoolean("test.several") ? Set.of(first) : Set.of();
    }

    @Override
    public Map<ServerAppCustomField, String> getSupportedCustomFieldMappings() {
        ServerAppCustomField field = new ServerAppCustomField("Colour", "org.example:colour");
        said("ServerAppCustomField.new", "made");
        said("ServerAppCustomField.getFieldName", field.getFieldName());
        said("ServerAppCustomField.getFieldTypeKey", field.getFieldTypeKey());
        ServerAppCustomField same = new ServerAppCustomField("Colour", "org.example:colour");
        said("ServerAppCustomField.equals", field.equals(same) && !field.equals(null));
        said("ServerAppCustomField.hashCode", field.hashCode() == same.hashCode());
        said("JiraAppCloudMigrationListenerV1.getSupportedCustomFieldMappings", "asked");
        return Map.of(field, "colour");
    }

    @Override
    public Map<String, String> getServerToForgeMacroMapping() {
        said("ConfluenceAppCloudMigrationListenerV1.getServerToForgeMacroMapping", "asked");
        return Map.of("note", "note-macro");
    }
}
