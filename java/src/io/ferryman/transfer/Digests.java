package io.ferryman.transfer;

import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;

/** Digests as the platform writes them: lower-case hex. */
final class Digests {
    private static final char[] HEX = "0123456789abcdef".toCharArray();

    private Digests() {}

    static MessageDigest of(String algorithm) {
        try {
            return MessageDigest.getInstance(algorithm);
        } catch (NoSuchAlgorithmException everyJvmHasIt) {
            throw new IllegalStateException(everyJvmHasIt);
        }
    }

    static String hex(String algorithm, byte[] data) {
        MessageDigest digest = of(algorithm);
        digest.update(data);
        return hex(digest);
    }

    static String hex(MessageDigest digest) {
        StringBuilder text = new StringBuilder();
        for (byte each : digest.digest()) {
            text.append(HEX[each >> 4 & 15]).append(HEX[each & 15]);
        }
        return text.toString();
    }
}
