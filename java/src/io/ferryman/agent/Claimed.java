package io.ferryman.agent;

import com.atlassian.migration.app.gateway.MigrationDetailsV1;
import io.ferryman.json.JsonObject;

/** A transfer that the platform handed out, and the details of its migration. */
final class Claimed implements MigrationDetailsV1 {
    final String transferId;
    final String transferName;
    final String originalTransferId;
    final boolean connect;
    final String cloudAppKey;
    final String environment;
    final long claims;
    final boolean virtualClock;
    private final JsonObject details;

    Claimed(JsonObject json) {
        transferId = json.text("transferId");
        transferName = json.text("transferName");
        originalTransferId = json.text("originalTransferId");
        connect = "connect".equals(json.text("kind"));
        cloudAppKey = json.text("cloudAppKey");
        environment = json.text("environment");
        claims = json.number("claims", 1);
        virtualClock = json.flag("virtualClock");
        details = json.object("migrationDetails");
    }

    @Override
    public String getMigrationId() {
        return details.text("migrationId");
    }

    @Override
    public String getMigrationScopeId() {
        return details.text("migrationScopeId");
    }

    @Override
    public String getName() {
        return details.text("name");
    }

    @Override
    public long getCreatedAt() {
        return details.number("createdAt", 0);
    }

    @Override
    public String getCloudUrl() {
        return details.text("cloudUrl");
    }

    @Override
    public String getConfluenceClientKey() {
        return details.text("confluenceClientKey");
    }

    @Override
    public String getJiraClientKey() {
        return details.text("jiraClientKey");
    }
}
