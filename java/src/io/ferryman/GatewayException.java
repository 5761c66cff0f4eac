package io.ferryman;

/**
 * A call did not succeed. The message never holds a token, a signed URL or a value of the app's
 * data.
 */
public final class GatewayException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final int status;
    private final String code;

    /**
     * Makes an exception.
     *
     * @param status the HTTP status; 0 where the call failed on this side
     * @param code the stable code of the refusal; null if the platform did not refuse
     * @param message what was expected, found, and what to do
     */
    public GatewayException(int status, String code, String message) {
        super(message);
        this.status = status;
        this.code = code;
    }

    /**
     * Returns the HTTP status.
     *
     * @return the status; 0 where the call failed on this side
     */
    public int getStatus() {
        return status;
    }

    /**
     * Returns the stable code of the platform's refusal, such as {@code transfer_settled}.
     *
     * @return the code; null if the answer did not come from the platform
     */
    public String getCode() {
        return code;
    }

    /**
     * Returns whether the refusal has this code.
     *
     * @param wanted the code
     * @return whether it does
     */
    public boolean is(String wanted) {
        return wanted.equals(code);
    }

    /**
     * Returns whether nobody answered, or only with a failure of its own, for as long as a call is
     * retried.
     *
     * @return whether it got no usable answer
     */
    public boolean isUnanswered() {
        return code == null && (status == 0 || status >= 500);
    }

    /**
     * Returns whether the transfer has its final status, so that no further call can succeed.
     *
     * @return whether it is settled
     */
    public boolean isSettled() {
        return is("transfer_settled");
    }
}
