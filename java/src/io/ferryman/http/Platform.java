package io.ferryman.http;

import io.ferryman.GatewayException;
import io.ferryman.json.JsonException;
import io.ferryman.json.JsonObject;
import io.ferryman.json.JsonReader;
import io.ferryman.json.JsonWriter;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.StringJoiner;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Supplier;

/** Calls one platform with one token, retrying; safe to use from several threads. */
public final class Platform {
    static final RetryPolicy TWO_MINUTES = new RetryPolicy(120, 10);

    private static final int MOST_NOTICES = 10;
    private static final Set<String> NOTICES = ConcurrentHashMap.newKeySet();

    private final HttpSender sender;
    private final String url;
    private final Map<String, String> headers = new HashMap<>();
    private final CountDownLatch closed = new CountDownLatch(1);
    private volatile GatewayException cut;
    private volatile Consumer<String> onRetry = reason -> {};

    /**
     * Describes a platform.
     *
     * @param sender what sends
     * @param url its address, as {@code https://host:port}
     * @param token the server token of the app
     * @param claim the number of the agent's claim; 0 for none
     */
    public Platform(HttpSender sender, String url, String token, long claim) {
        if (!url.startsWith("http://") && !url.startsWith("https://")) {
            throw new IllegalArgumentException(
                    "expected the platform's URL, as https://host:port; found " + url);
        }
        if (!token.chars().allMatch(each -> '!' <= each && each <= '~')) {
            throw new IllegalArgumentException( // without the token, which the JDK's shows
                    "expected a token of printable ASCII without spaces; found another character");
        }
        this.sender = sender;
        this.url = url.replaceAll("/+$", "");
        headers.put("Authorization", "Bearer " + token);
        headers.put("Accept", "application/json");
        if (claim != 0) {
            headers.put("Ferryman-Claim", Long.toString(claim));
        }
    }

    /**
     * Makes a call, retried for two minutes.
     *
     * @param method the HTTP method
     * @param path the path, its ids escaped by {@link #segment}
     * @param query members that are null are left out; may be null
     * @param body sent as JSON; null for no body
     * @return the answer, empty if that has no body
     * @throws GatewayException if it did not succeed
     */
    public JsonObject call(String method, String path, Map<String, ?> query, Object body) {
        return call(method, path, query, body, TWO_MINUTES, HttpCall.TIMEOUT);
    }

    /**
     * Makes a call.
     *
     * @param method the HTTP method
     * @param path the path
     * @param query members that are null are left out; may be null
     * @param body sent as JSON; null for no body
     * @param policy how long to retry
     * @param timeout the longest time without progress, in seconds
     * @return the answer, empty if that has no body
     * @throws GatewayException if it did not succeed
     */
    public JsonObject call(
            String method,
            String path,
            Map<String, ?> query,
            Object body,
            RetryPolicy policy,
            double timeout) {
        Map<String, String> all = new HashMap<>(headers);
        Bytes bytes = null;
        if (body != null) {
            all.put("Content-Type", "application/json");
            bytes = Bytes.of(JsonWriter.write(body));
        }
        HttpCall call = new HttpCall(method, url + path + queryText(query), all, bytes);
        call.timeout = timeout;
        Answer answer = deliver(call, policy);
        tell(answer.header("ferryman-notice"));
        if (answer.status != 200 || Foreign.isPage(answer)) {
            throw Refusals.of(answer, call.toString());
        }
        try {
            return JsonObject.of(answer.body.length == 0 ? Map.of() : JsonReader.read(answer.body));
        } catch (JsonException malformed) {
            throw new GatewayException(
                    200,
                    null,
                    call + " was answered with something that is not Ferryman's JSON ("
                            + malformed.getMessage() + "). Check that the URL is that of the"
                            + " platform.");
        }
    }

    /** Logs, once, what the platform says of the version of this agent. */
    private static void tell(String notice) {
        if (!notice.isEmpty() && NOTICES.size() < MOST_NOTICES && NOTICES.add(notice)) {
            Log.warn("platform.notice %s", notice);
        }
    }

    /** Sends until the answer is not worth another try. */
    Answer deliver(HttpCall call, RetryPolicy policy) {
        double spent = 0;
        for (int tries = 1; ; tries++) {
            long started = System.nanoTime();
            Answer answer = null;
            NoAnswerException lost = null;
            check();
            try {
                answer = sender.send(call);
            } catch (NoAnswerException failure) {
                lost = failure;
            }
            spent += (System.nanoTime() - started) / 1e9;
            double pause =
                    answer == null
                            ? policy.pause(0, tries, spent, 0)
                            : policy.pause(
                                    answer.status, tries, spent, RetryPolicy.retryAfter(answer));
            if (lost != null && (pause < 0 || !lost.retryable)) {
                check();
                throw new GatewayException(
                        0,
                        null,
                        call + " got no answer (" + lost.getMessage() + "). " + lost.fix);
            }
            if (pause < 0) {
                return answer;
            }
            spent += pause;
            onRetry.accept(lost == null ? "status " + answer.status : lost.getMessage());
            rest(pause);
        }
    }

    /**
     * Has something told why before each wait for another try.
     *
     * @param action what is told
     */
    public void onRetry(Consumer<String> action) {
        onRetry = action;
    }

    /**
     * Ends all waits; from now on each call throws {@code failure}.
     *
     * @param failure why
     */
    public void cut(GatewayException failure) {
        if (cut == null) {
            cut = failure;
        }
        closed.countDown();
    }

    /** Throws what the connection was cut with, if it was. */
    public void check() {
        if (cut != null) {
            // A new one, with the caller's own stack.
            throw new GatewayException(cut.getStatus(), cut.getCode(), cut.getMessage());
        }
    }

    /**
     * Returns what throws a refusal that is part of an answer.
     *
     * @param problem the problem document
     * @param what names the call
     * @param <T> what the caller wanted
     * @return what never returns
     */
    public static <T> Supplier<T> refusing(JsonObject problem, String what) {
        return () -> {
            throw Refusals.of((int) problem.number("status", 0), problem, what);
        };
    }

    /**
     * Escapes an id for a path.
     *
     * @param value the id
     * @return one segment of a path
     */
    public static String segment(String value) {
        return URLEncoder.encode(value, StandardCharsets.UTF_8).replace("+", "%20");
    }

    /**
     * Waits before another try; throws what the connection was cut with meanwhile.
     *
     * @param seconds how long
     */
    public void rest(double seconds) {
        try {
            if (closed.await((long) (seconds * 1e6), TimeUnit.MICROSECONDS)) {
                check();
            }
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            throw new GatewayException(0, null, "interrupted while waiting for another try");
        }
    }

    private static String queryText(Map<String, ?> query) {
        StringJoiner joined = new StringJoiner("&", "?", "").setEmptyValue("");
        if (query != null) {
            query.forEach(
                    (name, value) -> {
                        if (value != null) {
                            joined.add(name + "=" + segment(value.toString()));
                        }
                    });
        }
        return joined.toString();
    }
}
