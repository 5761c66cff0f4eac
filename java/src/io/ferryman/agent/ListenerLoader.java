package io.ferryman.agent;

import com.atlassian.migration.app.listener.DiscoverableForgeListener;
import com.atlassian.migration.app.listener.DiscoverableListener;
import java.lang.reflect.Constructor;
import java.util.Map;
import java.util.ServiceConfigurationError;
import java.util.ServiceLoader;
import java.util.TreeMap;
import java.util.function.Supplier;

/** Finds the listener: the class that is named, or the only one that {@code ServiceLoader} finds. */
final class ListenerLoader {
    private ListenerLoader() {}

    /**
     * Loads a listener.
     *
     * @param name a class with a constructor without arguments: the listener, or a {@code Supplier}
     *     that makes it; null to look for a service
     */
    static LoadedListener load(String name) {
        return new LoadedListener(name == null ? discover() : create(name));
    }

    private static Object create(String name) {
        try {
            Constructor<?> constructor = Class.forName(name).getDeclaredConstructor();
            constructor.setAccessible(true);
            Object made = constructor.newInstance();
            return made instanceof Supplier ? ((Supplier<?>) made).get() : made;
        } catch (ClassNotFoundException missing) {
            throw new IllegalArgumentException(
                    "expected the class " + name + " on the class path; found none. Name its jar"
                            + " before ferryman-agent.jar, and the jars that it needs.");
        } catch (NoSuchMethodException missing) {
            throw new IllegalArgumentException(
                    "expected a constructor of " + name + " without arguments; found none. Name a"
                            + " java.util.function.Supplier that makes the listener.");
        } catch (ReflectiveOperationException | LinkageError failure) {
            Throwable cause = failure.getCause() == null ? failure : failure.getCause();
            throw new IllegalArgumentException(name + " cannot be created: " + cause, cause);
        }
    }

    private static Object discover() {
        Map<String, Object> found = new TreeMap<>();
        try {
            for (Object each : ServiceLoader.load(DiscoverableForgeListener.class)) {
                found.put(each.getClass().getName(), each);
            }
            for (Object each : ServiceLoader.load(DiscoverableListener.class)) {
                found.putIfAbsent(each.getClass().getName(), each);
            }
        } catch (ServiceConfigurationError malformed) {
            throw new IllegalArgumentException(
                    "a file of META-INF/services cannot be used: " + malformed.getMessage(),
                    malformed);
        }
        if (found.size() != 1) {
            throw new IllegalArgumentException(
                    "expected one listener in META-INF/services; found "
                            + (found.isEmpty() ? "none" : String.join(", ", found.keySet()))
                            + ". Name its class with --listener.");
        }
        return found.values().iterator().next();
    }
}
