package io.ferryman.transfer;

import io.ferryman.GatewayException;
import io.ferryman.http.Bytes;
import io.ferryman.http.Log;
import io.ferryman.http.PartPut;
import io.ferryman.http.RetryPolicy;
import io.ferryman.json.JsonObject;

/** Sends one part, and knows it stored. */
final class PartFlow {
    // A signed URL may have expired while a part waited, and a byte may flip on the way: the store
    // then refuses, and a new URL and another try fix it. A part refused this often is not fixed.
    private static final int TRIES = 4;
    private static final int THERE_ALREADY = 412;
    private static final int TOO_LARGE = 413;
    private static final long KEEPALIVE_NANOS = 60_000_000_000L;

    private final ServerCalls calls;
    private final Upload upload;
    private long askedAt = System.nanoTime() - KEEPALIVE_NANOS;

    PartFlow(ServerCalls calls, Upload upload) {
        this.calls = calls;
        this.upload = upload;
    }

    /**
     * Sends a part, to {@code url} if that is known; returns it as the store holds it.
     *
     * <p>A part that an earlier transfer sent, in a file whose first part has the digest {@code
     * first}, is not sent again.
     */
    Part send(Part part, Bytes bytes, Upload.PartUrl url, String first, RetryPolicy policy) {
        Upload.PartUrl where = url;
        PartPut put = null;
        for (int tries = 1; tries <= TRIES; tries++) {
            noteCall();
            if (where == null) {
                JsonObject place = calls.place(upload.id, part, tries == 1 ? first : null, policy);
                for (JsonObject there : place.objects("held")) {
                    Log.info("part.reused uploadId=%s number=%d", upload.id, part.number);
                    return part.stored(Part.of(there).etag);
                }
                where = new Upload.PartUrl(place.objects("parts").get(0));
            }
            put =
                    PartPut.send(
                            calls.platform,
                            where.method,
                            where.url,
                            where.headers,
                            bytes,
                            policy,
                            () -> touch(part));
            if (put.status == 200 && !altered(part, put)) {
                return part.stored(put.etag);
            }
            if (put.status == THERE_ALREADY) {
                // It arrived before, and the answer was lost: the store replaces nothing.
                for (Part held : calls.heldParts(upload.id)) {
                    if (held.number == part.number && part.isHeldAs(held)) {
                        return part.stored(held.etag);
                    }
                }
            }
            if (put.status == TOO_LARGE) {
                break; // a proxy's limit, which the same bytes meet again
            }
            where = null;
            Log.warn(
                    "part.refused uploadId=%s number=%d status=%d try=%d",
                    upload.id, part.number, put.status, tries);
        }
        String what = "Part " + part.number + " of upload " + upload.id;
        if (put.status == 200) {
            throw new GatewayException(
                    200,
                    "part_altered",
                    what + " changed on the way each time: the store's etag is not its md5. Look"
                            + " for a faulty line, proxy or memory.");
        }
        throw put.refusal(what);
    }

    /**
     * Asks for a URL only to move the deadline, if the last call is old: a resumed upload that
     * skips what the store holds asks for none, and a slow line may take longer for one part.
     */
    void touch(Part part) {
        synchronized (this) {
            if (System.nanoTime() - askedAt < KEEPALIVE_NANOS) {
                return;
            }
            askedAt = System.nanoTime();
        }
        try {
            calls.place(upload.id, part, null, RetryPolicy.NEVER);
        } catch (GatewayException failure) {
            // Whether it matters shows when the part is there, or the file complete.
            Log.warn("upload.touch_failed %s", failure.getMessage());
        }
    }

    private synchronized void noteCall() {
        askedAt = System.nanoTime();
    }

    private boolean altered(Part part, PartPut put) {
        return upload.compareEtags && !Part.plain(put.etag).equals(part.md5);
    }
}
