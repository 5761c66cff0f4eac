package io.ferryman.http;

import io.ferryman.GatewayException;
import io.ferryman.json.JsonException;
import io.ferryman.json.JsonObject;
import io.ferryman.json.JsonReader;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Says what a refusal means, whether the platform, an object store or a proxy refused. */
final class Refusals {
    /** What the original says, by which listeners know that they may try again. */
    private static final String RATE_LIMITED = "App migration API rate limit exceeded.";

    // S3 answers in XML, and only its code is read: the rest may repeat what was signed.
    private static final Pattern STORE_CODE = Pattern.compile("<Code>([A-Za-z0-9.]{1,64})</Code>");
    private static final int LONGEST = 64 * 1024;

    private static final String UNREACHED =
            "expected a proxy that reaches the address. Check the address, and ask whoever runs the"
                    + " proxy.";
    private static final String REFUSED =
            "expected a forward proxy that connects to the address. Check the proxy's own address,"
                    + " and have whoever runs it allow CONNECT to this host and port.";
    private static final Map<Integer, String> TUNNELS =
            Map.of(
                    407,
                    "expected its user and password in HTTPS_PROXY, special characters escaped.");

    private Refusals() {}

    /** Returns the exception for an answer that is no success. */
    static GatewayException of(Answer answer, String what) {
        JsonObject problem = problem(answer);
        if (problem != null || answer.status == 429) {
            return of(answer.status, problem, what);
        }
        return new GatewayException(answer.status, null, message(answer, what));
    }

    /** Returns the exception for a refusal of the platform; null for one that said nothing. */
    static GatewayException of(int status, JsonObject problem, String what) {
        String code = problem == null ? null : problem.text("code");
        if (status == 429) {
            return new GatewayException(429, code, RATE_LIMITED);
        }
        String message =
                String.format(
                        "%s was refused with status %d (%s): expected %s; found %s. %s",
                        what,
                        status,
                        code,
                        problem.text("expected"),
                        problem.text("found"),
                        problem.text("fix"));
        return new GatewayException(status, code, message);
    }

    private static String message(Answer answer, String what) {
        String answered = what + " was answered with ";
        String status = answered + "status " + answer.status;
        if (answer.proxy != null) {
            return status + " by the proxy " + answer.proxy + ": " + TUNNELS.getOrDefault(
                    answer.status, answer.status >= 500 ? UNREACHED : REFUSED);
        }
        if (answer.body.length <= LONGEST) {
            String text = new String(answer.body, StandardCharsets.ISO_8859_1);
            Matcher code = STORE_CODE.matcher(text);
            if (code.find()) {
                return status + " by the object store (" + code.group(1) + "). See its log.";
            }
        }
        return answered + Foreign.explain(answer);
    }

    private static JsonObject problem(Answer answer) {
        if (answer.body.length == 0 || answer.body.length > LONGEST) {
            return null;
        }
        try {
            JsonObject problem = JsonObject.of(JsonReader.read(answer.body));
            return problem.text("code") == null ? null : problem;
        } catch (JsonException notOurs) {
            return null;
        }
    }
}
