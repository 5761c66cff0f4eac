package com.atlassian.migration.app.gateway;

/** The migration that a transfer belongs to. */
public interface MigrationDetailsV1 {
    /**
     * Returns the id of this run of the plan.
     *
     * @return the id
     */
    String getMigrationId();

    /**
     * Returns the id of the pair of server and cloud site, to which mappings belong.
     *
     * @return the id
     */
    String getMigrationScopeId();

    /**
     * Returns the name that the admin gave.
     *
     * @return the name
     */
    String getName();

    /**
     * Returns when the migration was created.
     *
     * @return milliseconds since 1970
     */
    long getCreatedAt();

    /**
     * Returns the cloud site.
     *
     * @return its URL, without a slash at the end
     */
    String getCloudUrl();

    /**
     * Returns the client key of the app on the Confluence site.
     *
     * @return the key; null if it is not known
     */
    String getConfluenceClientKey();

    /**
     * Returns the client key of the app on the Jira site.
     *
     * @return the key; null if it is not known
     */
    String getJiraClientKey();
}
