package io.ferryman.transfer;

import io.ferryman.AppDataReceipt;
import io.ferryman.json.JsonObject;
import java.util.List;
import java.util.Map;

/** An upload that was begun at the platform, and what its store asks for. */
final class Upload {
    final String id;
    final PartPlan plan;
    final long maxParts;
    final long maxFileSize;
    final List<String> checksums;
    final boolean compareEtags;

    /** Whether it was begun before under the same key. */
    final boolean resumed;

    /** Set if it is complete already. */
    final AppDataReceipt receipt;

    /** Where the part goes that was named at the beginning; null without one. */
    final PartUrl part;

    /** That part, if an earlier transfer sent it; null otherwise. */
    final Part held;

    Upload(JsonObject json) {
        id = json.text("uploadId");
        maxParts = json.number("maxParts", 1);
        maxFileSize = json.number("maxFileSize", 0);
        plan =
                new PartPlan(
                        json.number("partSize", 1),
                        json.number("minPartSize", 1),
                        json.number("maxPartSize", Integer.MAX_VALUE),
                        maxParts,
                        maxFileSize);
        checksums = json.texts("checksums");
        compareEtags = json.flag("compareEtags");
        resumed = json.flag("resumed");
        receipt = json.object("receipt") == null ? null : receipt(json.object("receipt"));
        part = json.object("part") == null ? null : new PartUrl(json.object("part"));
        held = json.object("held") == null ? null : Part.of(json.object("held"));
    }

    boolean needsMd5() {
        return checksums.contains("md5") || compareEtags;
    }

    static AppDataReceipt receipt(JsonObject json) {
        return new AppDataReceipt(
                json.text("key"),
                json.text("label"),
                json.number("size", 0),
                json.text("sha256"),
                json.text("messageId"));
    }

    /** The request that sends one part. */
    static final class PartUrl {
        final String method;
        final String url;
        final Map<String, String> headers;

        PartUrl(JsonObject json) {
            method = json.text("method");
            url = json.text("url");
            headers = json.textsByName("headers");
        }
    }
}
