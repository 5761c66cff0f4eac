package com.atlassian.migration.app.jira;

import com.atlassian.migration.app.ServerAppCustomField;
import java.util.Map;

/** Names the cloud fields that replace the custom fields of a Jira server app. */
public interface JiraAppCloudMigrationListenerV1 {
    /**
     * Returns the fields. Ferryman migrates no issues, so it does not use them.
     *
     * @return field of the server app to key of the cloud app's field
     */
    Map<ServerAppCustomField, String> getSupportedCustomFieldMappings();
}
