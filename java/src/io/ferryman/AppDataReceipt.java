package io.ferryman;

/** What the platform holds of a file that is registered. */
public final class AppDataReceipt {
    private final String key;
    private final String label;
    private final long size;
    private final String sha256;
    private final String messageId;

    /**
     * Makes a receipt.
     *
     * @param key the file's key
     * @param label its label; may be null
     * @param size its bytes
     * @param sha256 their digest, as hex
     * @param messageId the event that announces it
     */
    public AppDataReceipt(String key, String label, long size, String sha256, String messageId) {
        this.key = key;
        this.label = label;
        this.size = size;
        this.sha256 = sha256;
        this.messageId = messageId;
    }

    /**
     * Returns the key by which the cloud app reads the file.
     *
     * @return the key
     */
    public String getKey() {
        return key;
    }

    /**
     * Returns the label.
     *
     * @return the label; null for none
     */
    public String getLabel() {
        return label;
    }

    /**
     * Returns the number of bytes.
     *
     * @return the bytes
     */
    public long getSize() {
        return size;
    }

    /**
     * Returns the digest of all bytes.
     *
     * @return sha256 as lower-case hex; null where a file of several parts was sent without it
     */
    public String getSha256() {
        return sha256;
    }

    /**
     * Returns the id of the event that announces the file.
     *
     * @return the id
     */
    public String getMessageId() {
        return messageId;
    }
}
