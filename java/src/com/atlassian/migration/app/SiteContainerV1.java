package com.atlassian.migration.app;

/** The container of the whole site. */
public interface SiteContainerV1 extends ContainerV1 {
    /**
     * Returns which users are migrated.
     *
     * @return the selection, such as {@code ALL_USERS}; null if the plan does not say
     */
    String getSelectedUsers();
}
