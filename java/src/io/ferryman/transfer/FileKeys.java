package io.ferryman.transfer;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.Map;
import java.util.UUID;

/**
 * Gives each file the key under which it can be resumed: made of its label and its order among the
 * files of that label, so that a listener which is called again gets the same keys again.
 *
 * <p>A file without a label cannot be told from another one, and is sent anew. So is a file of a
 * label beyond the first 100,000, which keeps the memory small.
 */
final class FileKeys {
    private static final int MOST_LABELS = 100_000;

    private final Map<String, Integer> next = new HashMap<>();
    private final Map<String, Deque<Integer>> failed = new HashMap<>();

    synchronized String take(String label) {
        boolean known = label != null && (next.containsKey(label) || next.size() < MOST_LABELS);
        if (!known) {
            return fresh();
        }
        Deque<Integer> again = failed.get(label);
        int order = again == null ? next.merge(label, 1, Integer::sum) : again.pop();
        if (again != null && again.isEmpty()) {
            failed.remove(label);
        }
        return "java:" + order + ":" + digest(label);
    }

    /** Returns a key that no other claim resumes; it only makes the call repeatable. */
    static String fresh() {
        return "begin:" + UUID.randomUUID();
    }

    /** Lets the next file of the label be what this one, which failed, was to be. */
    synchronized void giveBack(String label, String key) {
        if (key.startsWith("java:")) {
            int order = Integer.parseInt(key.split(":")[1]);
            failed.computeIfAbsent(label, none -> new ArrayDeque<>()).add(order);
        }
    }

    /** A key is as short as a label may be, and a label can have that length already. */
    private static String digest(String label) {
        java.security.MessageDigest digest = Digests.of("SHA-256");
        digest.update(label.getBytes(java.nio.charset.StandardCharsets.UTF_8));
        return Digests.hex(digest);
    }
}
