package tests;

import java.lang.reflect.Constructor;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.jar.JarFile;
import java.util.stream.Collectors;

/** Writes down what each public member did; and names those that there are. */
final class Checks {
    private static final Map<String, String> SAID = Collections.synchronizedMap(new TreeMap<>());

    private Checks() {}

    /** Notes what a member returned or did. */
    static <T> T said(String member, T value) {
        SAID.put(member, String.valueOf(value));
        return value;
    }

    /** Leaves all that was noted for the test, one {@code member=value} a line. */
    static void write() {
        SAID.forEach((member, value) -> Base.mark(member + "=" + value.replace("\n", "|")));
        SAID.clear();
    }

    /** Prints each public member of the public types of some packages, as {@code Type.name}. */
    public static void main(String[] arguments) throws Exception {
        try (JarFile jar = new JarFile(arguments[0])) {
            List<String> names =
                    jar.stream()
                            .map(entry -> entry.getName().replace('/', '.'))
                            .filter(name -> name.endsWith(".class"))
                            .filter(name -> name.matches("com\\..*|io\\.ferryman\\.[A-Z].*"))
                            .map(name -> name.substring(0, name.length() - 6))
                            .collect(Collectors.toList());
            for (String name : names) {
                print(Class.forName(name));
            }
        }
    }

    private static void print(Class<?> type) {
        if (!Modifier.isPublic(type.getModifiers()) || type.isEnum()) {
            return;
        }
        TreeSet<String> members = new TreeSet<>();
        for (Method each : type.getMethods()) {
            boolean own = each.getDeclaringClass().getName().matches("(com|io\\.ferryman)\\..*");
            if (own && !each.isSynthetic()) {
                members.add(each.getName());
            }
        }
        for (Constructor<?> each : type.getConstructors()) {
            members.add("new");
        }
        members.forEach(member -> System.out.println(type.getSimpleName() + "." + member));
    }
}
