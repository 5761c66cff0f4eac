package io.ferryman.transfer;

import io.ferryman.AppDataReceipt;
import io.ferryman.GatewayException;
import io.ferryman.http.Bytes;
import io.ferryman.http.Log;
import io.ferryman.http.RetryPolicy;
import io.ferryman.json.JsonMembers;
import java.io.InterruptedIOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;

/** Uploads one file for one writer; its parts go out in the background. */
final class FileUpload extends FileState {
    private final Transfer transfer;
    private String key;
    private Upload upload;
    private PartFlow flow;
    private Map<Long, List<Part>> held = Map.of();
    private final Map<Long, Part> stored = new TreeMap<>();
    /** The digest of the first part, by which the platform finds what an earlier transfer sent. */
    private final CompletableFuture<String> firstSha256 = new CompletableFuture<>();
    private long numbers;
    private long bytes;
    private int pending;

    FileUpload(Transfer transfer, String label) {
        super(label);
        this.transfer = transfer;
        this.key = transfer.keys.take(label);
    }

    PartMemory memory() {
        return transfer.memory;
    }

    /** Begins the file; returns the receipt if an earlier claim completed it, else null. */
    synchronized AppDataReceipt begin() {
        if (upload == null) {
            begun(transfer.calls.begin(label, key, ServerCalls.AS_EVER));
        }
        return upload.receipt;
    }

    private synchronized void begun(Upload begun) {
        upload = begun;
        flow = new PartFlow(transfer.calls, begun);
        if (begun.resumed && begun.receipt == null) {
            held = new HashMap<>();
            for (Part part : transfer.calls.heldParts(begun.id)) {
                held.computeIfAbsent(part.number, none -> new ArrayList<>()).add(part);
            }
            Log.info("upload.resumed label=%s parts=%d", label, held.size());
        }
    }

    /** Forgets the file that an earlier claim completed: this one differs, and is another file. */
    synchronized void beginAnew() {
        Log.warn("upload.differs label=%s, it is sent as another file", label);
        key = FileKeys.fresh();
        upload = null;
    }

    /** Returns the size of the next part. */
    long nextSize() {
        begin();
        return upload.plan.size(numbers + 1);
    }

    /** Sends the next part in the background; waits while the memory is full. */
    void send(PartBody body) throws InterruptedIOException {
        begin();
        noteWrite();
        if (numbers == upload.maxParts) {
            throw tooLarge("at most " + upload.maxParts + " parts");
        }
        if (upload.maxFileSize > 0 && bytes + body.size() > upload.maxFileSize) {
            throw tooLarge("at most " + upload.maxFileSize + " bytes");
        }
        numbers++;
        bytes += body.size();
        long number = numbers;
        memory().take(body.size());
        synchronized (this) {
            pending++;
        }
        transfer.senders.parts.execute(() -> sendNow(number, body));
    }

    private void sendNow(long number, PartBody body) {
        Part part = null;
        RuntimeException problem = null;
        try {
            check();
            part = sendPart(number, body);
        } catch (RuntimeException | Error thrown) {
            problem = thrown instanceof Error
                    ? new IllegalStateException(thrown)
                    : (RuntimeException) thrown;
        }
        if (number == 1) {
            firstSha256.complete(null); // if it failed before it was read
        }
        memory().release(body);
        noteWrite();
        synchronized (this) {
            pending--;
            if (part != null) {
                stored.put(number, part);
            } else {
                noteFailure(problem);
            }
            notifyAll();
        }
    }

    private Part sendPart(long number, PartBody body) {
        String md5 = upload.needsMd5() ? body.hex("MD5") : null;
        Part part = new Part(number, body.size(), body.hex("SHA-256"), md5, null);
        if (number == 1) {
            firstSha256.complete(part.sha256);
        }
        for (Part each : held.getOrDefault(number, List.of())) {
            if (part.isHeldAs(each)) {
                flow.touch(part);
                return part.stored(each.etag);
            }
        }
        // The first part has a thread already: they take parts in order.
        String first = firstSha256.join();
        return flow.send(part, body.bytes(), null, first, ServerCalls.AS_EVER);
    }

    /**
     * Sends a file that is one small part in the background, and registers it; waits while too many
     * are on their way. It counts as open until then, and as missing if it fails.
     */
    void sendOnlyLater(byte[] data, String sha256) throws InterruptedIOException {
        handOver();
        transfer.small.add(new SmallFile(this, data, sha256));
    }

    /** Returns the request that begins the file with its only part. */
    synchronized JsonMembers beginning(Part only) {
        return ServerCalls.beginning(label, key, only);
    }

    /** Sends the only part of a file that was begun with it; returns it as the store holds it. */
    Part sendOnly(Upload begun, Part only, Bytes bytes, RetryPolicy policy) {
        begun(begun);
        for (Part each : held.getOrDefault(only.number, List.of())) {
            if (only.isHeldAs(each)) {
                return only.stored(each.etag);
            }
        }
        if (begun.held != null) {
            return only.stored(begun.held.etag);
        }
        return flow.send(only, bytes, begun.part, null, policy);
    }

    /** Waits for all parts and registers the file. */
    AppDataReceipt complete(String sha256) throws InterruptedIOException {
        synchronized (this) {
            try {
                while (pending > 0 && !hasFailed()) {
                    wait();
                }
            } catch (InterruptedException interrupted) {
                Thread.currentThread().interrupt();
                throw new InterruptedIOException("interrupted while parts were being sent");
            }
        }
        check();
        return register(new ArrayList<>(stored.values()), sha256);
    }

    private AppDataReceipt register(List<Part> parts, String sha256) {
        try {
            return registered(transfer.calls.complete(upload.id, parts, sha256));
        } catch (GatewayException refused) {
            if (refused.is("part_missing")) {
                // The store confirmed each part that is named. One that is missing went when the
                // upload was restarted, and the answer that said so was lost.
                throw new GatewayException(
                        refused.getStatus(), "upload_restarted", refused.getMessage());
            }
            throw refused;
        }
    }

    synchronized AppDataReceipt registered(AppDataReceipt known) {
        noteReceipt(known);
        transfer.files.end(this, true);
        return known;
    }

    /** Counts the file as missing until it is written again under its label. */
    void fail(String why, Throwable cause) {
        if (failUntold(why) && !transfer.endsWithoutWord(cause)) {
            tell(why);
        }
    }

    /** The same, without a word to the platform; returns whether the file was open. */
    boolean failUntold(String why) {
        noteEnd(why, "file_failed");
        return transfer.files.fail(this);
    }

    private void tell(String why) {
        try {
            if (upload == null) {
                upload = transfer.calls.begin(label, key, ServerCalls.BRIEFLY);
            }
            transfer.calls.giveUp(upload.id, "writer_failed", why);
            transfer.keys.giveBack(label, key);
        } catch (GatewayException untold) {
            Log.warn("upload.abort_failed label=%s %s", label, untold.getMessage());
        }
    }

    /** Fails the file from a thread that may not wait. */
    void failLater(String why) {
        transfer.senders.later.execute(() -> fail(why, null));
    }

    /** Does without the file, on purpose. */
    void abandon() {
        noteEnd("abandoned", "file_abandoned");
        if (transfer.files.end(this, false) && upload != null) {
            transfer.calls.giveUp(upload.id, "deliberate", null);
        }
    }
}
