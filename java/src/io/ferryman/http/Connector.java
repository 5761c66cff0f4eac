package io.ferryman.http;

import java.io.IOException;
import java.net.ConnectException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Proxy;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.net.URI;
import java.net.UnknownHostException;
import java.nio.charset.StandardCharsets;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;

/** Opens connections: directly or through a forward proxy, with TLS or without. */
final class Connector {
    private static final int CONNECT_MILLIS = 10_000;

    /** For a handshake, and for a proxy that connects in turn. */
    private static final int ANSWER_MILLIS = 60_000;

    // So that writing never waits for a peer that does not read: a timeout bounds reading only.
    private static final int SEND_BUFFER = 256 * 1024;

    private final Proxies proxies;
    private final Trust trust;

    Connector(Proxies proxies, Trust trust) {
        this.proxies = proxies;
        this.trust = trust;
    }

    /** Connects; an https address has to prove its name. Small requests never wait for a peer. */
    Connection open(URI address, boolean small) throws IOException {
        ForwardProxy proxy = proxies.of(address);
        boolean secure = address.getScheme().equalsIgnoreCase("https");
        HostPort target = new HostPort(Proxies.host(address), Proxies.port(address));
        HostPort first = proxy == null ? target : new HostPort(proxy.host, proxy.port);
        Socket wire = connected(first, proxy, small);
        try {
            wire.setSoTimeout(ANSWER_MILLIS);
            Socket socket = wire;
            if (proxy != null && proxy.isSecure()) {
                socket = secured(socket, first);
            }
            if (!secure) {
                String origin = proxy == null ? "" : "http://" + address.getRawAuthority();
                return new Connection(socket, wire, origin, proxy == null ? null : proxy.login);
            }
            if (proxy != null) {
                openTunnel(socket, target, proxy);
            }
            return new Connection(secured(socket, target), wire, "", null);
        } catch (IOException | RuntimeException failure) {
            wire.close();
            throw failure;
        }
    }

    private static Socket connected(HostPort place, ForwardProxy proxy, boolean small)
            throws ConnectFailure {
        String who = (proxy == null ? "" : "the proxy ") + place;
        InetAddress[] all;
        try {
            all = InetAddress.getAllByName(place.host);
        } catch (UnknownHostException unknown) {
            throw new ConnectFailure("the name of " + who + " is not known");
        }
        String reason = "";
        for (InetAddress each : all) {
            Socket socket = new Socket(Proxy.NO_PROXY);
            try {
                socket.setTcpNoDelay(true);
                if (small) {
                    socket.setSendBufferSize(SEND_BUFFER);
                }
                socket.connect(new InetSocketAddress(each, place.port), CONNECT_MILLIS);
                return socket;
            } catch (IOException failure) {
                reason = why(failure);
                Connection.closeQuietly(socket);
            }
        }
        throw new ConnectFailure(who + " " + reason);
    }

    private static String why(IOException failure) {
        if (failure instanceof SocketTimeoutException) {
            return "does not answer within " + CONNECT_MILLIS / 1000 + " seconds";
        }
        return failure instanceof ConnectException
                ? "refuses the connection"
                : "cannot be reached (" + failure.getClass().getSimpleName() + ")";
    }

    private static void openTunnel(Socket socket, HostPort target, ForwardProxy proxy)
            throws IOException {
        String login = proxy.login == null ? "" : "Proxy-Authorization: " + proxy.login + "\r\n";
        String head =
                "CONNECT " + target + " HTTP/1.1\r\nHost: " + target + "\r\n" + login
                        + "User-Agent: ferryman-java\r\n\r\n";
        AnswerReader reader = new AnswerReader(socket.getInputStream());
        Answer answer;
        try {
            socket.getOutputStream().write(head.getBytes(StandardCharsets.ISO_8859_1));
            answer = reader.readTunnel();
        } catch (SocketTimeoutException slow) {
            throw new ConnectFailure("the proxy " + proxy + " does not reach " + target);
        } catch (IOException failure) {
            String found = reader.isBegun() ? "does not speak HTTP" : "closes the connection";
            throw new ConnectFailure("the proxy " + proxy + " " + found);
        }
        if (answer.status / 100 != 2) {
            throw new ConnectFailure(answer.by(proxy + " for " + target));
        }
    }

    private Socket secured(Socket below, HostPort place) throws IOException {
        SSLSocket secure =
                (SSLSocket) trust.sockets().createSocket(below, place.host, place.port, true);
        SSLParameters parameters = secure.getSSLParameters();
        parameters.setEndpointIdentificationAlgorithm("HTTPS");
        secure.setSSLParameters(parameters);
        secure.startHandshake();
        return secure;
    }
}
