package io.ferryman.transfer;

import io.ferryman.json.JsonMembers;
import io.ferryman.json.JsonObject;

/** One part of an upload: about to be sent (no etag), or held by the store. */
final class Part {
    final long number;
    final long size;
    final String sha256;
    final String md5;
    final String etag;

    Part(long number, long size, String sha256, String md5, String etag) {
        this.number = number;
        this.size = size;
        this.sha256 = sha256;
        this.md5 = md5;
        this.etag = etag;
    }

    static Part of(JsonObject json) {
        return new Part(
                json.number("number", 0),
                json.number("size", 0),
                json.text("sha256"),
                null,
                json.text("etag"));
    }

    Part stored(String newEtag) {
        return new Part(number, size, sha256, md5, newEtag);
    }

    /**
     * Whether {@code held} is proven to have the bytes of this part: by the store's sha256, or,
     * where it keeps none, by an etag that is the md5 of the bytes.
     */
    boolean isHeldAs(Part held) {
        if (held.size != size) {
            return false;
        }
        if (held.sha256 != null) {
            return held.sha256.equals(sha256);
        }
        return md5 != null && md5.equals(plain(held.etag));
    }

    static String plain(String etag) {
        return etag == null ? "" : etag.replace("\"", "");
    }

    JsonMembers request() {
        return JsonMembers.of("number", number, "size", size, "sha256", sha256, "md5", md5);
    }

    JsonMembers completed() {
        return JsonMembers.of("number", number, "etag", etag, "size", size, "sha256", sha256);
    }
}
