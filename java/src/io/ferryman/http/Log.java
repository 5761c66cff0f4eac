package io.ferryman.http;

import java.time.LocalDateTime;
import java.time.format.DateTimeFormatter;
import java.util.logging.Level;
import java.util.logging.Logger;

/** Writes one line for each event, as {@code name key=value}. */
public final class Log {
    private static final Logger LOGGER = Logger.getLogger("io.ferryman");
    private static final DateTimeFormatter TIME =
            DateTimeFormatter.ofPattern("yyyy-MM-dd HH:mm:ss,SSS");
    private static volatile boolean alone;

    private Log() {}

    /**
     * Writes to standard error from now on, instead of the logger {@code io.ferryman}: the JVM takes
     * the handlers of loggers away while it stops, when an agent still has something to say.
     */
    public static void toStandardError() {
        alone = true;
    }

    /**
     * Logs what happens anyway.
     *
     * @param format as of {@code String.format}
     * @param values what it shows
     */
    public static void info(String format, Object... values) {
        log(Level.INFO, format, values);
    }

    /**
     * Logs what somebody may have to look at.
     *
     * @param format as of {@code String.format}
     * @param values what it shows
     */
    public static void warn(String format, Object... values) {
        log(Level.WARNING, format, values);
    }

    private static void log(Level level, String format, Object... values) {
        String line = String.format(format, values).replaceAll("\\p{Cntrl}", " ");
        if (alone) {
            System.err.println(TIME.format(LocalDateTime.now()) + " " + level + " " + line);
        } else {
            LOGGER.log(level, line);
        }
    }
}
