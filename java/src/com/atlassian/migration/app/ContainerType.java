package com.atlassian.migration.app;

/** The kinds of things that an admin selects in a plan. */
public enum ContainerType {
    /** A project: {@link JiraProjectContainerV1}. */
    JiraProject,
    /** A space: {@link ConfluenceSpaceContainerV1}. */
    ConfluenceSpace,
    /** The whole site: {@link SiteContainerV1}. */
    Site
}
