package com.atlassian.migration.app.confluence;

import java.util.Map;

/** Names the Forge macros that replace the macros of a Confluence server app. */
public interface ConfluenceAppCloudMigrationListenerV1 {
    /**
     * Returns the macros. Ferryman migrates no pages, so it does not use them.
     *
     * @return name of the server macro to key of the Forge macro
     */
    Map<String, String> getServerToForgeMacroMapping();
}
