package com.atlassian.migration.app.listener;

import com.atlassian.migration.app.AccessScope;
import com.atlassian.migration.app.TransferDefinition;
import java.util.Set;

/** What both listeners have, so that one class can implement both. */
interface AppListener {
    /**
     * Returns the key of the cloud app.
     *
     * @return the key
     */
    String getCloudAppKey();

    /**
     * Returns the key of the server app.
     *
     * @return the key; null, the default, if it is given to the agent by {@code --key}
     */
    default String getServerAppKey() {
        return null;
    }

    /**
     * Returns the kinds of data that the listener touches.
     *
     * @return the scopes
     */
    Set<AccessScope> getDataAccessScopes();

    /**
     * Splits the app's part of a migration into several transfers.
     *
     * @return the definitions; by default none, which means one transfer
     */
    default Set<TransferDefinition> getTransferDefinitions() {
        return Set.of();
    }
}
