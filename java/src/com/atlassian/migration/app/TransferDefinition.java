package com.atlassian.migration.app;

import java.util.Set;

/**
 * One of several transfers into which a listener splits its app's part of a migration.
 *
 * <p>The listener is called once for each. A transfer begins when those that it depends on are
 * settled; when one of these is blocking and failed, it is skipped. The documents name these
 * values and no constructor, so this one is Ferryman's.
 */
public final class TransferDefinition {
    private final String transferName;
    private final boolean blocking;
    private final Set<String> dependsOn;
    private final Set<AccessScope> accessScopes;

    /**
     * Defines a transfer.
     *
     * @param transferName its name, unique within the app
     * @param blocking whether its failure keeps those from running that depend on it
     * @param dependsOn the names of transfers that have to settle first
     * @param accessScopes its scopes; null for those of the listener
     */
    public TransferDefinition(
            String transferName,
            boolean blocking,
            Set<String> dependsOn,
            Set<AccessScope> accessScopes) {
        this.transferName = transferName;
        this.blocking = blocking;
        this.dependsOn = Set.copyOf(dependsOn);
        this.accessScopes = accessScopes == null ? null : Set.copyOf(accessScopes);
    }

    /**
     * Returns its name.
     *
     * @return the name
     */
    public String getTransferName() {
        return transferName;
    }

    /**
     * Returns whether its failure keeps those from running that depend on it.
     *
     * @return whether it is blocking
     */
    public boolean isBlocking() {
        return blocking;
    }

    /**
     * Returns which transfers have to settle first.
     *
     * @return their names
     */
    public Set<String> getDependsOn() {
        return dependsOn;
    }

    /**
     * Returns its scopes.
     *
     * @return the scopes; null for those of the listener
     */
    public Set<AccessScope> getAccessScopes() {
        return accessScopes;
    }
}
