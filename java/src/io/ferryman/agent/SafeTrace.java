package io.ferryman.agent;

import io.ferryman.GatewayException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * Describes what a listener threw by where it was thrown, without what it says: messages can hold
 * the customer's data, and only the developer of the app may see them.
 */
final class SafeTrace {
    private static final int MOST_FRAMES = 60;
    private static final int MOST_CAUSES = 20;
    private static final int MOST_CHARACTERS = 2_000;
    private static final Pattern FOREIGN =
            Pattern.compile("(java|javax|jdk|sun|com\\.sun|io\\.ferryman|com\\.atlassian)\\..*");

    private SafeTrace() {}

    /** Returns the body of the call that reports it. */
    static Map<String, Object> describe(Throwable thrown, boolean revealed) {
        List<String> lines = new ArrayList<>();
        for (StackTraceElement frame : thrown.getStackTrace()) {
            if (frame.getClassName().equals(LoadedListener.class.getName())) {
                break; // who called the listener
            }
            lines.add("  at " + frame.getClassName() + "." + place(frame));
        }
        if (lines.size() > MOST_FRAMES) {
            List<String> middle = lines.subList(MOST_FRAMES / 2, lines.size() - MOST_FRAMES / 2);
            String left = "... " + middle.size() + " frames left out ...";
            middle.clear();
            lines.add(MOST_FRAMES / 2, left);
        }
        lines.add(0, name(thrown));
        addCauses(thrown, lines);
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("exceptionType", name(thrown));
        json.put("safeStackTrace", String.join("\n", lines));
        json.put("frame", frame(thrown));
        json.put("message", message(thrown, revealed));
        return json;
    }

    /** Returns the innermost place in code that is neither the JDK's nor ours, else the innermost. */
    static String frame(Throwable thrown) {
        StackTraceElement[] frames = thrown.getStackTrace();
        for (StackTraceElement each : frames) {
            if (!FOREIGN.matcher(each.getClassName()).matches()) {
                return own(each);
            }
        }
        return frames.length == 0 ? null : own(frames[0]);
    }

    /** Returns what it says, if that may be shown; what we say ourselves may always be. */
    static String message(Throwable thrown, boolean revealed) {
        String text = thrown.getMessage();
        if (text == null || text.isBlank() || !(revealed || thrown instanceof GatewayException)) {
            return null;
        }
        return text.substring(0, Math.min(text.length(), MOST_CHARACTERS));
    }

    static String name(Throwable thrown) {
        return thrown.getClass().getName();
    }

    private static String own(StackTraceElement frame) {
        String[] names = frame.getClassName().split("\\.");
        return frame.getFileName() + ":" + frame.getLineNumber() + " in "
                + names[names.length - 1] + "." + frame.getMethodName();
    }

    private static String place(StackTraceElement frame) {
        String file = frame.getFileName() == null ? "Unknown Source" : frame.getFileName();
        return frame.getMethodName() + "(" + file + ":" + frame.getLineNumber() + ")";
    }

    private static void addCauses(Throwable thrown, List<String> lines) {
        Set<Throwable> seen = Collections.newSetFromMap(new IdentityHashMap<>());
        seen.add(thrown);
        Throwable cause = thrown.getCause();
        while (cause != null && seen.add(cause) && seen.size() <= MOST_CAUSES) {
            lines.add("Caused by: " + name(cause));
            cause = cause.getCause();
        }
        for (Throwable each : thrown.getSuppressed()) {
            lines.add("Suppressed: " + name(each));
        }
    }
}
