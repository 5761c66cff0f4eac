package io.ferryman.http;

import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetSocketAddress;
import java.net.Proxy;
import java.net.Socket;
import java.net.URI;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.SSLSocketFactory;

/** One connection, for one request at a time. */
final class Connection {
    private static final int CONNECT_MILLIS = 10_000;

    // So that writing never waits for a peer that does not read: a timeout bounds reading only.
    private static final int SEND_BUFFER = 256 * 1024;

    private final Socket socket;
    private final InputStream in;
    private AnswerReader reader;
    private byte[] request = new byte[0];

    /** Connects; an https address has to prove its name. */
    Connection(URI address, SSLSocketFactory tls) throws IOException {
        boolean secure = address.getScheme().equalsIgnoreCase("https");
        int port = address.getPort() >= 0 ? address.getPort() : secure ? 443 : 80;
        String host = address.getHost().replaceAll("[\\[\\]]", "");
        Socket plain = new Socket(Proxy.NO_PROXY);
        try {
            plain.setTcpNoDelay(true);
            plain.setSendBufferSize(SEND_BUFFER);
            plain.connect(new InetSocketAddress(host, port), CONNECT_MILLIS);
            plain.setSoTimeout(CONNECT_MILLIS);
            socket = secure ? secured(plain, host, port, tls) : plain;
            in = new BufferedInputStream(socket.getInputStream());
        } catch (IOException | RuntimeException failure) {
            plain.close();
            throw failure;
        }
    }

    private static Socket secured(Socket plain, String host, int port, SSLSocketFactory tls)
            throws IOException {
        SSLSocket secure = (SSLSocket) tls.createSocket(plain, host, port, true);
        SSLParameters parameters = secure.getSSLParameters();
        parameters.setEndpointIdentificationAlgorithm("HTTPS");
        secure.setSSLParameters(parameters);
        secure.startHandshake();
        return secure;
    }

    /** Sends a request and reads its answer; the timeout is for each wait, in milliseconds. */
    Answer exchange(byte[] head, Bytes body, int timeout) throws IOException {
        // In one piece, so that they leave in one go.
        int length = head.length + (int) body.size;
        if (request.length < length) {
            request = new byte[length];
        }
        System.arraycopy(head, 0, request, 0, head.length);
        body.copy(request, head.length);
        reader = new AnswerReader(in);
        socket.setSoTimeout(timeout);
        IOException unsent = null;
        try {
            socket.getOutputStream().write(request, 0, length);
        } catch (IOException refused) {
            unsent = refused; // perhaps before all of it had come: then the answer says why
        }
        try {
            return reader.read();
        } catch (IOException failure) {
            throw unsent == null ? failure : unsent;
        }
    }

    /** Returns whether any of the last answer came. */
    boolean isAnswering() {
        return reader.isBegun();
    }

    /** Returns whether another request can follow. */
    boolean isReusable() {
        return !reader.isEnd();
    }

    void close() {
        try {
            socket.close();
        } catch (IOException gone) {
            // as it should be
        }
    }
}
