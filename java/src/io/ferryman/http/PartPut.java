package io.ferryman.http;

import io.ferryman.GatewayException;
import java.util.Map;

/** Puts the bytes of a part where a signed URL says. */
public final class PartPut {
    /** The status of the store's answer. */
    public final int status;

    /** The etag that the store gave the part. */
    public final String etag;

    private final Answer answer;

    private PartPut(Answer answer) {
        this.answer = answer;
        this.status = answer.status;
        this.etag = answer.header("etag");
    }

    /**
     * Sends the bytes.
     *
     * @param platform whose connections to use; its token stays here
     * @param method the method
     * @param url the signed URL
     * @param headers the headers that were signed
     * @param bytes what to send
     * @param policy how long to retry
     * @param meanwhile called about once a second
     * @return the store's answer, whatever its status
     */
    public static PartPut send(
            Platform platform,
            String method,
            String url,
            Map<String, String> headers,
            Bytes bytes,
            RetryPolicy policy,
            Runnable meanwhile) {
        HttpCall call = new HttpCall(method, url, headers, bytes);
        call.meanwhile = meanwhile;
        return new PartPut(platform.deliver(call, policy));
    }

    /**
     * Returns the exception for a status that is no success.
     *
     * @param what names the part
     * @return the exception
     */
    public GatewayException refusal(String what) {
        return Refusals.of(answer, what);
    }
}
