package io.ferryman.transfer;

import io.ferryman.http.Bytes;

/** A file of one small part on its way: closed by its writer, and not registered yet. */
final class SmallFile {
    final FileUpload file;
    final String sha256;
    private final byte[] data;

    /** What is sent, or was, once the file is to begin. */
    Part part;

    /** What the platform began. */
    Upload upload;

    /** Whether it was begun a second time, as the store had lost it. */
    boolean restarted;

    SmallFile(FileUpload file, byte[] data, String sha256) {
        this.file = file;
        this.data = data;
        this.sha256 = sha256;
    }

    Bytes bytes() {
        return Bytes.of(data);
    }

    void describe(boolean withMd5) {
        String md5 = withMd5 ? Digests.hex("MD5", data) : null;
        part = new Part(1, data.length, sha256, md5, null);
    }

    /** Returns what it counts for while many wait: its bytes, and what describes them. */
    int weight() {
        return data.length + 4096;
    }
}
