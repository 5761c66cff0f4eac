package io.ferryman.http;

import java.time.Duration;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.time.format.DateTimeParseException;
import java.util.Set;
import java.util.concurrent.ThreadLocalRandom;

/**
 * Exponential backoff with jitter: waits of about 0.2, 0.4, 0.8 seconds and so on, each cut by up
 * to a half at random. The same rule as in the Python SDK.
 */
public final class RetryPolicy {
    /** For an agent, which outlives any outage of the platform: it only slows down. */
    public static final RetryPolicy FOREVER = new RetryPolicy(Double.POSITIVE_INFINITY, 15);

    /** A single try. */
    public static final RetryPolicy NEVER = new RetryPolicy(0, 0);

    // Every write may be repeated, so an answer that never came is worth another try too.
    // 507 is a full store: somebody makes room, or the caller is told in the end.
    private static final Set<Integer> RETRYABLE = Set.of(408, 429, 500, 502, 503, 504, 507);
    private static final double FIRST = 0.2;
    private static final double LONGEST_ASKED = 86_400;

    private final double retrySeconds;
    private final double longest;

    /**
     * Makes a policy.
     *
     * @param retrySeconds bounds tries and waits together
     * @param longest the longest wait, in seconds, that it chooses itself
     */
    public RetryPolicy(double retrySeconds, double longest) {
        this.retrySeconds = retrySeconds;
        this.longest = longest;
    }

    /**
     * Returns whether an answer is worth another try.
     *
     * @param status its status
     * @return whether it is
     */
    public static boolean isRetryable(int status) {
        return RETRYABLE.contains(status);
    }

    /**
     * Returns how long to wait before another try.
     *
     * @param tries how many there were
     * @param spent the seconds that they took
     * @return the seconds to wait, negative to give up
     */
    public double pause(int tries, double spent) {
        return pause(0, tries, spent, 0);
    }

    /** Returns the seconds to wait before the next try, negative to give up; 0 is no answer. */
    double pause(int status, int tries, double spent, double asked) {
        if (status != 0 && !isRetryable(status)) {
            return -1;
        }
        double backoff = Math.min(longest, FIRST * Math.pow(2, Math.min(tries - 1, 32)));
        double roll = ThreadLocalRandom.current().nextDouble();
        double wait = Math.max(backoff * (0.5 + 0.5 * roll), asked);
        return spent + wait <= retrySeconds ? wait : -1;
    }

    /** Reads {@code Retry-After}, in seconds; a date is measured against the answer's own. */
    static double retryAfter(Answer answer) {
        String value = answer.header("retry-after").strip();
        if (value.isEmpty()) {
            return 0; // as in nearly every answer, whose date need not be read
        }
        if (value.matches("[0-9]{1,9}")) {
            return Math.min(Integer.parseInt(value), LONGEST_ASKED);
        }
        try {
            Duration wait = Duration.between(date(answer.header("date")), date(value));
            return Math.max(0, wait.toSeconds());
        } catch (DateTimeParseException absent) {
            return 0;
        }
    }

    private static ZonedDateTime date(String text) {
        return ZonedDateTime.parse(text, DateTimeFormatter.RFC_1123_DATE_TIME);
    }
}
