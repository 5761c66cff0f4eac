package io.ferryman.transfer;

import io.ferryman.AppDataReceipt;
import io.ferryman.GatewayException;
import io.ferryman.http.Platform;
import io.ferryman.http.RetryPolicy;
import io.ferryman.json.JsonMembers;
import io.ferryman.json.JsonObject;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.Supplier;

/** The calls of the server surface for one transfer; all throw {@link GatewayException}. */
public final class ServerCalls {
    /** The platform takes this many keys in one look-up. */
    private static final int KEYS_PER_CALL = 100;

    private static final double COMPLETE_TIMEOUT = 600;
    static final RetryPolicy AS_EVER = new RetryPolicy(120, 10);

    /** While a writer waits to be told that its file failed. */
    static final RetryPolicy BRIEFLY = new RetryPolicy(10, 10);


    final Platform platform;
    private final String transfer;
    /**
     * Makes calls for a transfer.
     *
     * @param platform where
     * @param transferId which
     */
    public ServerCalls(Platform platform, String transferId) {
        this.platform = platform;
        this.transfer = "/server/v1/transfers/" + Platform.segment(transferId);
    }

    /**
     * Reports that the listener runs, which confirms the claim.
     *
     * @param policy how long to retry
     */
    public void heartbeat(RetryPolicy policy) {
        platform.call("POST", transfer + "/heartbeat", null, null, policy, 10);
    }

    /** Reports that the listener returned. */
    public void returned() {
        platform.call("POST", transfer + "/returned", null, null);
    }

    /**
     * Reports that the listener failed.
     *
     * @param description class, frames, and perhaps a message
     */
    public void failed(Map<String, ?> description) {
        platform.call("POST", transfer + "/error", null, description);
    }

    /** Says that all files are written. */
    public void completeExport() {
        platform.call("POST", transfer + "/complete-export", null, null);
    }

    /**
     * Translates server ids, as many at a time as the platform takes.
     *
     * @param namespace such as {@code jira:issue}
     * @param keys the server ids
     * @return server id to cloud id, for those that have a mapping
     */
    public Map<String, String> mappings(String namespace, Collection<String> keys) {
        Map<String, String> found = new LinkedHashMap<>();
        List<String> wanted = new ArrayList<>(new LinkedHashSet<>(keys));
        Map<String, String> query = Map.of("namespace", namespace);
        for (int start = 0; start < wanted.size(); start += KEYS_PER_CALL) {
            int end = Math.min(start + KEYS_PER_CALL, wanted.size());
            List<String> some = wanted.subList(start, end);
            found.putAll(platform.call("POST", transfer + "/mappings/find", query, some).asTexts());
        }
        return found;
    }

    JsonObject page(String kind, Map<String, String> query) {
        return platform.call("GET", transfer + kind, query, null);
    }

    /**
     * Returns what the cloud app left for the server app.
     *
     * @return the feedback, if there is any
     */
    public Optional<Map<String, Object>> feedback() {
        try {
            return Optional.of(platform.call("GET", transfer + "/feedback", null, null).members());
        } catch (GatewayException refused) {
            if (refused.is("feedback_not_found")) {
                return Optional.empty();
            }
            throw refused;
        }
    }

    /** Begins a file, or finds the one begun under the key. */
    Upload begin(String label, String key, RetryPolicy policy) {
        Object body = beginning(label, key, null);
        return new Upload(
                platform.call("POST", transfer + "/app-data", null, body, policy, 60));
    }

    /** Returns the request that begins a file, perhaps with its only part. */
    static JsonMembers beginning(String label, String key, Part part) {
        Object only = part == null ? null : part.request();
        return JsonMembers.of("label", label, "resumeKey", key, "part", only, "reuse", true);
    }

    /** Begins files in one call. */
    List<Supplier<Upload>> beginAll(List<JsonMembers> files) {
        return answers(
                transfer + "/app-data/batch", files, answer -> new Upload(answer.object("upload")));
    }

    /** Registers files in one call. */
    List<Supplier<AppDataReceipt>> completeAll(List<JsonMembers> files) {
        return answers(
                "/server/v1/uploads/complete",
                files,
                answer -> Upload.receipt(answer.object("receipt")));
    }

    /**
     * Asks for several files in one call, and again for those that were refused for the moment.
     * Each has its own answer, or its own refusal.
     */
    private <T> List<Supplier<T>> answers(
            String path, List<JsonMembers> files, Function<JsonObject, T> read) {
        List<Supplier<T>> answers = new ArrayList<>(Collections.nCopies(files.size(), null));
        List<Integer> left = new ArrayList<>();
        for (int at = 0; at < files.size(); at++) {
            left.add(at);
        }
        double spent = 0;
        for (int tries = 1; !left.isEmpty(); tries++) {
            left = answer(path, files, left, answers, read);
            double pause = AS_EVER.pause(tries, spent);
            if (pause < 0) {
                break;
            }
            if (!left.isEmpty()) {
                platform.rest(pause);
                spent += pause;
            }
        }
        return answers;
    }

    /** Makes the call for some of the files; returns which of them are worth another try. */
    private <T> List<Integer> answer(
            String path,
            List<JsonMembers> files,
            List<Integer> some,
            List<Supplier<T>> answers,
            Function<JsonObject, T> read) {
        List<Object> asked = new ArrayList<>();
        some.forEach(at -> asked.add(files.get(at)));
        List<JsonObject> found = post(path, Map.of("files", asked)).objects("files");
        if (found.size() != some.size()) {
            throw new GatewayException(
                    200, null, "asked for " + some.size() + " files, got " + found.size());
        }
        List<Integer> again = new ArrayList<>();
        for (int number = 0; number < found.size(); number++) {
            JsonObject answer = found.get(number);
            JsonObject problem = answer.object("problem");
            answers.set(
                    some.get(number),
                    problem == null
                            ? () -> read.apply(answer)
                            : Platform.refusing(problem, "POST " + path));
            if (problem != null && RetryPolicy.isRetryable((int) problem.number("status", 0))) {
                again.add(some.get(number));
            }
        }
        return again;
    }

    private JsonObject post(String path, Object body) {
        return platform.call("POST", path, null, body, AS_EVER, COMPLETE_TIMEOUT);
    }

    /** Asks for the URL of a part, or the part itself if a file with that first part has it. */
    JsonObject place(String uploadId, Part part, String firstSha256, RetryPolicy policy) {
        Object body =
                JsonMembers.of("parts", List.of(part.request()), "firstSha256", firstSha256);
        return platform.call("POST", upload(uploadId) + "/parts", null, body, policy, 60);
    }

    List<Part> heldParts(String uploadId) {
        List<Part> parts = new ArrayList<>();
        JsonObject state = platform.call("GET", upload(uploadId), null, null);
        state.objects("parts").forEach(part -> parts.add(Part.of(part)));
        return parts;
    }

    /** Returns the request that registers a file. */
    static JsonMembers completing(String uploadId, List<Part> parts, String sha256) {
        List<Object> completed = new ArrayList<>();
        parts.forEach(part -> completed.add(part.completed()));
        return JsonMembers.of("uploadId", uploadId, "parts", completed, "sha256", sha256);
    }

    /** Registers a file. */
    AppDataReceipt complete(String uploadId, List<Part> parts, String sha256) {
        return Upload.receipt(
                post(upload(uploadId) + "/complete", completing(uploadId, parts, sha256)));
    }

    /** Gives a file up, retrying only for a while: a writer waits for it. */
    void giveUp(String uploadId, String reason, String detail) {
        Map<String, String> query = new LinkedHashMap<>();
        query.put("reason", reason);
        query.put("detail", detail);
        platform.call("DELETE", upload(uploadId), query, null, BRIEFLY, 10);
    }

    private static String upload(String uploadId) {
        return "/server/v1/uploads/" + Platform.segment(uploadId);
    }
}
