package io.ferryman.agent;

import com.atlassian.migration.app.AccessScope;
import com.atlassian.migration.app.TransferDefinition;
import com.atlassian.migration.app.confluence.ConfluenceAppCloudMigrationListenerV1;
import com.atlassian.migration.app.gateway.MigrationDetailsV1;
import com.atlassian.migration.app.jira.JiraAppCloudMigrationListenerV1;
import com.atlassian.migration.app.listener.DiscoverableForgeListener;
import com.atlassian.migration.app.listener.DiscoverableListener;
import io.ferryman.http.Log;
import io.ferryman.transfer.Export;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/** A listener of either kind, or of both, as the agent calls it. */
final class LoadedListener {
    final Object instance;
    private final DiscoverableForgeListener forge;
    private final DiscoverableListener connect;

    LoadedListener(Object instance) {
        this.instance = instance;
        forge = as(DiscoverableForgeListener.class);
        connect = as(DiscoverableListener.class);
        if (forge == null && connect == null) {
            throw new IllegalArgumentException(
                    "expected a DiscoverableForgeListener or a DiscoverableListener; found "
                            + instance.getClass().getName());
        }
    }

    private <T> T as(Class<T> kind) {
        return kind.isInstance(instance) ? kind.cast(instance) : null;
    }

    boolean isForge() {
        return forge != null;
    }

    String name() {
        return instance.getClass().getName();
    }

    /** Returns the key of the server app that it names itself; none for an empty one. */
    Set<String> keys() {
        String key = forge != null ? forge.getServerAppKey() : connect.getServerAppKey();
        return key == null || key.isBlank() ? Set.of() : Set.of(key);
    }

    /** Returns the scopes; null if it declares none, for those of the app's registration. */
    Set<String> scopes() {
        return names(forge != null ? forge.getDataAccessScopes() : connect.getDataAccessScopes());
    }

    List<Map<String, Object>> definitions() {
        Set<TransferDefinition> all =
                forge != null ? forge.getTransferDefinitions() : connect.getTransferDefinitions();
        List<Map<String, Object>> found = new ArrayList<>();
        for (TransferDefinition each : all == null ? Set.<TransferDefinition>of() : all) {
            Map<String, Object> json = new LinkedHashMap<>();
            json.put("transferName", each.getTransferName());
            json.put("blocking", each.isBlocking());
            json.put("dependsOn", new TreeSet<>(each.getDependsOn()));
            json.put("accessScopes", names(each.getAccessScopes()));
            found.add(json);
        }
        return found;
    }

    /** Asks for the macros and custom fields that it maps, as its product does, and says how many. */
    void noteUnused() {
        try {
            Map<?, ?> macros = Map.of();
            Map<?, ?> fields = Map.of();
            if (instance instanceof ConfluenceAppCloudMigrationListenerV1) {
                macros =
                        ((ConfluenceAppCloudMigrationListenerV1) instance)
                                .getServerToForgeMacroMapping();
            }
            if (instance instanceof JiraAppCloudMigrationListenerV1) {
                fields =
                        ((JiraAppCloudMigrationListenerV1) instance)
                                .getSupportedCustomFieldMappings();
            }
            if (macros != null && fields != null && macros.size() + fields.size() > 0) {
                Log.info(
                        "listener.not_used macros=%d customFields=%d: the product migrates them",
                        macros.size(), fields.size());
            }
        } catch (RuntimeException thrown) {
            Log.warn("listener.not_used threw %s", SafeTrace.name(thrown));
        }
    }

    private static Set<String> names(Set<AccessScope> scopes) {
        if (scopes == null || scopes.isEmpty()) {
            return null;
        }
        Set<String> names = new TreeSet<>();
        scopes.forEach(each -> names.add(each.name()));
        return new LinkedHashSet<>(names);
    }

    /** Calls it for a transfer; throws what it throws. */
    void call(Claimed claimed, Export transfer) throws Throwable {
        if (claimed.connect ? connect == null : forge == null) {
            String wanted = claimed.connect ? "DiscoverableListener" : "DiscoverableForgeListener";
            throw new IllegalStateException(
                    "expected a " + wanted + " for the app " + claimed.cloudAppKey + "; found "
                            + name() + ", which is none");
        }
        Object gateway =
                claimed.connect
                        ? new ConnectGateway(transfer)
                        : new ForgeGateway(transfer, claimed.transferName);
        if (claimed.originalTransferId != null) {
            rerun(gateway, claimed);
        } else if (claimed.connect) {
            connect.onStartAppMigration(
                    (ConnectGateway) gateway, claimed.transferId, claimed);
        } else {
            warnOfEnvironment(claimed);
            forge.onStartAppMigration((ForgeGateway) gateway, claimed);
        }
    }

    private void warnOfEnvironment(Claimed claimed) {
        String own = forge.getForgeEnvironmentName();
        if (own == null || own.equals(claimed.environment)) {
            return;
        }
        String event =
                own.equalsIgnoreCase(claimed.environment)
                        ? "listener.environment_case"
                        : "listener.environment_differs";
        Log.warn("%s listener=%s app=%s", event, own, claimed.environment);
    }

    /** Calls the method of re-runs; the documents leave the order of its arguments open. */
    private void rerun(Object gateway, Claimed claimed) throws Throwable {
        Method chosen = null;
        for (Method each : instance.getClass().getMethods()) {
            boolean fits = each.getName().equals("onRerunAppMigration") && takes(each, gateway);
            if (fits && (chosen == null || chosen.isDefault())) {
                chosen = each;
            }
        }
        List<Object> arguments = new ArrayList<>();
        boolean first = true;
        for (Class<?> type : chosen.getParameterTypes()) {
            if (type == String.class) {
                arguments.add(first ? claimed.originalTransferId : claimed.transferId);
                first = false;
            } else {
                arguments.add(type == MigrationDetailsV1.class ? claimed : gateway);
            }
        }
        try {
            chosen.setAccessible(true);
            chosen.invoke(instance, arguments.toArray());
        } catch (InvocationTargetException thrown) {
            throw thrown.getCause();
        }
    }

    private static boolean takes(Method method, Object gateway) {
        for (Class<?> type : method.getParameterTypes()) {
            if (type.isInstance(gateway)) {
                return true;
            }
        }
        return false;
    }
}
