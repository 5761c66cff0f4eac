package io.ferryman.transfer;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;

/** Digests as the platform writes them: lower-case hex. */
final class Digests {
    private static final byte[] HEX = "0123456789abcdef".getBytes(StandardCharsets.ISO_8859_1);

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
        byte[] bytes = digest.digest();
        byte[] text = new byte[bytes.length * 2];
        for (int at = 0; at < text.length; at++) {
            int shift = at % 2 == 0 ? 4 : 0;
            text[at] = HEX[bytes[at / 2] >> shift & 15];
        }
        return new String(text, StandardCharsets.ISO_8859_1);
    }
}
